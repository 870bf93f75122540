"""Bookings that several people make and change at once are as if they had done so in turn."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.tmlib.facility.turns import Act, at_once
from tmlib.db import Database
from tmlib.errors import Conflict
from tmlib.facility import reservations
from tmlib.facility.models import Booking, Instrument, Proposal
from tmlib.facility.portal import UserPortalProposalSync
from tmlib.facility.reservations import Reservation
from tmlib.facility.synchronisation import Synchronisation
from tmlib.facility.visibility import Viewer

NINE = datetime(2026, 3, 14, 9, tzinfo=UTC)
KEEPER = Viewer(1, sees_all=True, changes_all=True)


def at(hours: float) -> datetime:
    return NINE + timedelta(hours=hours)


def wanted(instrument: str, start: float, end: float) -> Reservation:
    return Reservation("MX1", instrument, at(start), at(end))


@pytest.fixture
def booking_id(database: Database) -> int:
    """A booking of one of two instruments, from nine to eleven."""
    with database.transaction() as session:
        session.add(Proposal(name="MX1", code="MX", number="1"))
        session.add_all(Instrument(name=name) for name in ("Confocal", "Spinning disk"))
        session.flush()
        return reservations.book(session, KEEPER, wanted("Confocal", 0, 2)).id


def times(database: Database, booking_id: int) -> tuple[datetime | None, datetime | None]:
    with database.session() as session:
        booking = session.get_one(Booking, booking_id)
        return booking.starts_at, booking.ends_at


def change(booking_id: int, **changes: Any) -> Act:
    return lambda session: reservations.change(session, KEEPER, booking_id, changes)


def book(instrument: str, start: float, end: float) -> Act:
    return lambda session: reservations.book(session, KEEPER, wanted(instrument, start, end))


def test_whoever_changes_a_booking_second_knows_of_the_first_change(
    database: Database, booking_id: int
) -> None:
    later = change(booking_id, starts_at=at(1.5))
    assert at_once(database, later, change(booking_id, ends_at=at(1))) is not None
    assert times(database, booking_id) == (at(1.5), at(2))
    apart = change(booking_id, ends_at=at(4))
    assert at_once(database, change(booking_id, starts_at=at(3), ends_at=at(5)), apart) is None
    assert times(database, booking_id) == (at(3), at(4))


def test_a_booking_that_was_moved_meanwhile_is_looked_at_again(
    database: Database, booking_id: int
) -> None:
    moved = change(booking_id, instrument="Spinning disk")
    error = at_once(database, moved, change(booking_id, ends_at=at(3)))
    # where one waits for the other, it begins only then
    assert error is None if database.is_sqlite else isinstance(error, Conflict)
    assert times(database, booking_id) == (at(0), at(3 if database.is_sqlite else 2))


# the other database locks everything at once
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_first_instrument_is_waited_for_before_anything_else_is_locked(
    database: Database, booking_id: int
) -> None:
    with database.transaction() as session:
        other = reservations.book(session, KEEPER, wanted("Spinning disk", 3, 4)).id
    for second in (change(other, instrument="Confocal"), book("Confocal", 5, 6)):

        def act(session: Session) -> None:
            query = select(Instrument.id).where(Instrument.name == "Confocal")
            session.scalars(query.with_for_update()).one()

        def others_are_free(session: Session) -> bool:
            query = select(Instrument.name).where(Instrument.name != "Confocal")
            free = [
                *session.scalars(query.with_for_update(skip_locked=True)),
                *session.scalars(select(Proposal.name).with_for_update(skip_locked=True)),
            ]
            return free == ["Spinning disk", "MX1"]

        assert at_once(database, act, second, meanwhile=others_are_free) is None


def test_visits_of_a_proposal_are_numbered_in_turn(database: Database, booking_id: int) -> None:
    bookings = book("Confocal", 5, 6), book("Spinning disk", 5, 6)
    assert at_once(database, *bookings) is None
    assert numbers(database) == [1, 2, 3]


def test_a_portal_and_somebody_who_books_number_visits_in_turn(
    database: Database, booking_id: int
) -> None:
    told = synchronise(visit=2)
    assert at_once(database, told, book("Spinning disk", 5, 6)) is None
    assert numbers(database) == [1, 2, 3]
    # numbers of the portal hold: what was booked here gives way
    assert at_once(database, book("Confocal", 5, 6), synchronise(visit=4)) is None
    assert numbers(database) == [1, 3, 4, 5]
    with database.session() as session:
        kept = select(Booking.visit_number).where(Booking.external_id == "7")
        assert session.scalar(kept) == 4


def synchronise(visit: int) -> Act:
    """What a portal does that tells of a session and the number of its visit."""
    told = UserPortalProposalSync.model_validate(
        {
            "proposal": {
                "proposalCode": "MX",
                "proposalNumber": 1,
                "persons": [{"login": "mara"}],
            },
            "sessions": [{"externalId": 7, "beamLineName": "Confocal", "visit_number": visit}],
        }
    )
    return lambda session: Synchronisation(session).run(told)


def numbers(database: Database) -> list[int | None]:
    with database.session() as session:
        return list(session.scalars(select(Booking.visit_number).order_by(Booking.visit_number)))
