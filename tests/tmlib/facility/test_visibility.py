"""Who sees what, compared with a plain model of the rule for random memberships."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert
from sqlalchemy.orm import Session

from tmlib.accounts.models import Group, GroupMember, User
from tmlib.db import Database
from tmlib.errors import TmError
from tmlib.experiments import service
from tmlib.experiments.models import Experiment, ExperimentGroupShare, ExperimentShare
from tmlib.facility import bookings, proposals, visibility
from tmlib.facility.bookings import BookingFilter
from tmlib.facility.models import (
    Booking,
    BookingPerson,
    GroupPermission,
    Instrument,
    InstrumentGroup,
    InstrumentGroupMember,
    Permission,
    Proposal,
    ProposalExperiment,
    ProposalMember,
)
from tmlib.facility.pages import Window

ALL = (1, 2, 3)
LIGHT = 101
WHOLE = Window(0, 1000)
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)

numbers = st.sampled_from(ALL)
pairs = st.frozensets(st.tuples(numbers, numbers), max_size=3)


@dataclass(frozen=True)
class World:
    """Pairs of numbers of what belongs together; there are three of each kind."""

    owners: tuple[int, int, int]  # of experiments
    members: frozenset[tuple[int, int]]  # of proposals: (proposal, user)
    booked: frozenset[tuple[int, int]]  # (proposal, instrument)
    visitors: frozenset[tuple[int, int]]  # of bookings: (proposal, user)
    grouped: frozenset[tuple[int, int]]  # (group, user)
    light: frozenset[int]  # groups with the permission for instrument 1
    everything: frozenset[int]  # groups that see all
    contents: dict[int, int]  # proposals by experiment
    shared: frozenset[tuple[int, int]]  # (experiment, user)
    shared_with_groups: frozenset[tuple[int, int]]  # (experiment, group)

    def groups_of(self, user: int) -> set[int]:
        return {group for group, member in self.grouped if member == user}

    def sees_all(self, user: int) -> bool:
        return bool(self.groups_of(user) & self.everything)

    def has_experiment(self, user: int, experiment: int) -> bool:
        """Whether it is the user's, or shared with the user."""
        return (
            self.owners[experiment - 1] == user
            or (experiment, user) in self.shared
            or any((experiment, group) in self.shared_with_groups for group in self.groups_of(user))
        )

    def works_for(self, user: int, proposal: int) -> bool:
        has_light = bool(self.groups_of(user) & self.light)
        has_booking = any(number == proposal for number, _ in self.booked)
        return (
            (proposal, user) in self.members
            or ((proposal, user) in self.visitors and has_booking)
            or (has_light and (proposal, 1) in self.booked)
        )

    def sees_proposal(self, user: int, proposal: int) -> bool:
        return (
            self.sees_all(user)
            or self.works_for(user, proposal)
            or any(
                number == proposal and self.has_experiment(user, experiment)
                for experiment, number in self.contents.items()
            )
        )

    def sees_experiment(self, user: int, experiment: int) -> bool:
        proposal = self.contents.get(experiment)
        return self.has_experiment(user, experiment) or (
            proposal is not None and self.sees_proposal(user, proposal)
        )


worlds = st.builds(
    World,
    owners=st.tuples(numbers, numbers, numbers),
    members=pairs,
    booked=pairs,
    visitors=pairs,
    grouped=pairs,
    light=st.frozensets(numbers, max_size=1),
    everything=st.frozensets(numbers, max_size=1),
    contents=st.dictionaries(numbers, numbers),
    shared=pairs,
    shared_with_groups=pairs,
)


@contextmanager
def living_in(database: Database, world: World) -> Iterator[Session]:
    """A session in which a world is as it is; it is forgotten at the end."""
    with database.session() as session:
        users = [{"id": n, "name": f"u{n}", "email": f"u{n}@x", "password_hash": "!"} for n in ALL]
        session.execute(insert(User), users)
        session.execute(insert(Group), [{"id": n, "name": f"g{n}"} for n in ALL])
        session.execute(insert(Instrument), [{"id": n, "name": f"i{n}"} for n in ALL])
        of_proposals = [{"id": n, "name": f"P{n}", "code": "P", "number": str(n)} for n in ALL]
        session.execute(insert(Proposal), of_proposals)
        session.execute(insert(Experiment), [_experiment(n, world.owners[n - 1]) for n in ALL])
        session.add(InstrumentGroup(id=1, name="Light", ui_group="l", permission="light"))
        session.add(Permission(id=LIGHT, type="light"))
        everything = session.query(Permission).filter_by(type=visibility.ALL_PROPOSALS).one()
        session.flush()
        session.add(InstrumentGroupMember(group_id=1, instrument_id=1, position=0))
        session.add_all(GroupPermission(group_id=n, permission_id=LIGHT) for n in world.light)
        session.add_all(
            GroupPermission(group_id=n, permission_id=everything.id) for n in world.everything
        )
        session.add_all(ProposalMember(proposal_id=p, user_id=u) for p, u in world.members)
        session.add_all(GroupMember(group_id=g, user_id=u) for g, u in world.grouped)
        session.add_all(ExperimentShare(experiment_id=e, user_id=u) for e, u in world.shared)
        session.add_all(
            ExperimentGroupShare(experiment_id=e, group_id=g) for e, g in world.shared_with_groups
        )
        session.add_all(
            ProposalExperiment(experiment_id=e, proposal_id=p) for e, p in world.contents.items()
        )
        for proposal, instrument in sorted(world.booked):
            booking = Booking(proposal_id=proposal, instrument_id=instrument, starts_at=MOMENT)
            session.add(booking)
            session.flush()
            visitors = [user for number, user in world.visitors if number == proposal]
            session.add_all(BookingPerson(booking_id=booking.id, user_id=u) for u in visitors)
        session.flush()
        yield session


def _experiment(number: int, owner: int) -> dict[str, object]:
    return {
        "id": number,
        "name": f"e{number}",
        "user_id": owner,
        "microscope_type": "cellvoyager",
        "workflow_type": "canonical",
        "plate_format": 96,
        "plate_acquisition_mode": "basic",
    }


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(world=worlds)
def test_lists_show_what_the_rule_says(database: Database, world: World) -> None:
    with living_in(database, world) as session:
        for user in ALL:
            viewer = visibility.viewer(session, user, is_admin=False)
            shown = proposals.list_proposals(session, viewer, WHOLE)
            expected = {n for n in ALL if world.sees_proposal(user, n)}
            assert {row.proposal.id for row in shown.rows} == expected
            assert shown.total == len(expected)
            booked = bookings.list_bookings(session, viewer, WHOLE, BookingFilter())
            assert booked.total == sum(number in expected for number, _ in world.booked)
            assert {row.booking.proposal_id for row in booked.rows} <= expected
            seen = service.list_experiments(session, user)
            assert [row.id for row in seen] == [n for n in ALL if world.sees_experiment(user, n)]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(world=worlds)
def test_an_experiment_is_shown_to_those_who_see_it_in_lists(
    database: Database, world: World
) -> None:
    with living_in(database, world) as session:
        for user in ALL:
            seen = {row.id for row in service.list_experiments(session, user)}
            for experiment in ALL:
                may = _may(session, user, experiment)
                assert ("read" in may) == (experiment in seen)
                proposal = world.contents.get(experiment)
                if proposal is not None and world.works_for(user, proposal):
                    assert "write" in may
                assert ("owner" in may) == (world.owners[experiment - 1] == user)


def _may(session: Session, user: int, experiment: int) -> set[str]:
    """What a user may do with an experiment."""
    may = set()
    for action in ("read", "write", "owner"):
        try:
            service.get_experiment(session, user, experiment, action)
        except TmError:
            continue
        may.add(action)
    return may
