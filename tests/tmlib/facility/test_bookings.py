"""Bookings are found by their time in UTC, whatever the time zone of the database."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from tmlib.db import Database
from tmlib.facility.bookings import BookingFilter, list_bookings
from tmlib.facility.models import Booking, Instrument, Proposal
from tmlib.facility.pages import Window
from tmlib.facility.visibility import Viewer


@pytest.mark.parametrize(("month", "expected"), [(5, 1), (6, 0)])
def test_months_are_those_of_utc(database: Database, month: int, expected: int) -> None:
    starts, ends = (datetime(2021, 5, 31, 22, minute, tzinfo=UTC) for minute in (10, 50))
    with database.transaction() as session:
        session.add(Proposal(id=1, name="MX1", code="MX", number="1"))
        session.add(Instrument(id=1, name="Confocal"))
        session.flush()
        session.add(Booking(proposal_id=1, instrument_id=1, starts_at=starts, ends_at=ends))
        if not database.is_sqlite:
            session.execute(text("SET LOCAL timezone = 'Pacific/Auckland'"))
        which = BookingFilter(month=month)
        assert list_bookings(session, Viewer(1, sees_all=True), Window(), which).total == expected
