"""Of two who set up the facility at once, one does so after the other."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.tmlib.facility.turns import Act, at_once
from tmlib.accounts.models import User
from tmlib.db import Database
from tmlib.facility import options
from tmlib.facility.models import Proposal
from tmlib.facility.options import GroupedInstrument, InstrumentGroupRow
from tmlib.facility.portal import UserPortalProposalSync
from tmlib.facility.synchronisation import Synchronisation


def set_groups(group: str, *instruments: str) -> Act:
    members = [GroupedInstrument(name) for name in instruments]
    row = InstrumentGroupRow(group, "light", "light_staff", members)
    return lambda session: options.set_groups(session, [row])


def synchronise(number: int, login: str, instrument: str) -> Act:
    """What a portal does that tells of a proposal with one member and one session."""
    told = UserPortalProposalSync.model_validate(
        {
            "proposal": {
                "proposalCode": "MX",
                "proposalNumber": number,
                "persons": [{"login": login}],
            },
            "sessions": [{"externalId": number, "beamLineName": instrument}],
        }
    )
    return lambda session: Synchronisation(session).run(told)


def test_groups_of_instruments_are_replaced_by_those_of_the_second(database: Database) -> None:
    for first, second in (("Light", "Light"), ("Light", "Dark")):
        acts = set_groups(first, "Confocal"), set_groups(second, "Confocal", "Disk")
        assert at_once(database, *acts) is None
        with database.session() as session:
            [found] = options.list_groups(session)
        assert found.name == second
        assert [one.name for one in found.instruments] == ["Confocal", "Disk"]


def test_an_option_is_what_the_second_has_set(database: Database) -> None:
    def setting(motd: str) -> Act:
        return lambda session: options.set_options(session, {"motd": motd})

    assert at_once(database, setting("Open"), setting("Closed on Friday")) is None
    with database.session() as session:
        assert options.read_options(session)["motd"] == "Closed on Friday"


def test_two_proposals_bring_the_same_person_and_instrument(database: Database) -> None:
    told = synchronise(1, "mara", "Confocal"), synchronise(2, "mara", "Confocal")
    assert at_once(database, *told) is None
    assert at_once(database, synchronise(3, "ole", "Disk"), set_groups("Light", "Disk")) is None
    with database.session() as session:
        assert names(session, Proposal) == ["MX1", "MX2", "MX3"]
        assert names(session, User) == ["mara", "ole"]


def names(session: Session, model: type[Proposal] | type[User]) -> list[str]:
    return list(session.scalars(select(model.name).order_by(model.name)))
