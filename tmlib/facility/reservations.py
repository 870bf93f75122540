"""Bookings that people make, move and cancel; those of a user portal are kept there.

Who looks after an instrument may book it: who has the permission of a group that it is in, and
administrators.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tmlib.errors import BadInput, Conflict, Forbidden, NotFound
from tmlib.facility import acquisitions, bookings, proposals
from tmlib.facility.models import Booking, Instrument, InstrumentGroup, InstrumentGroupMember
from tmlib.facility.visibility import Viewer, holds


class Reservation(NamedTuple):
    """What is to be booked."""

    proposal: str
    instrument: str
    starts_at: datetime
    ends_at: datetime
    comments: str | None = None


def book(session: Session, viewer: Viewer, wanted: Reservation) -> Booking:
    """Book an instrument for a proposal that somebody sees; it gets the next number of a visit.

    Raises
    ------
    NotFound
        If there is no such proposal or instrument, or it is hidden.
    Forbidden
        If somebody does not look after the instrument.
    BadInput
        If it would end before it starts.
    Conflict
        If the instrument is booked then.
    """
    instrument = _instrument(session, viewer, wanted.instrument)
    proposal = proposals.find_proposal(session, viewer, wanted.proposal)
    last = select(func.max(Booking.visit_number)).where(Booking.proposal_id == proposal.id)
    booking = Booking(
        proposal_id=proposal.id,
        instrument_id=instrument.id,
        visit_number=(session.scalar(last) or 0) + 1,
        starts_at=wanted.starts_at,
        ends_at=wanted.ends_at,
        scheduled=True,
        comments=wanted.comments,
    )
    _check(session, booking)
    session.add(booking)
    session.flush()
    return booking


def change(session: Session, viewer: Viewer, booking_id: int, changes: Mapping[str, Any]) -> None:
    """Change instrument, start, end or comments of a booking.

    Raises
    ------
    NotFound
        If there is none, or it is hidden, or there is no such instrument.
    Forbidden
        If somebody does not look after the instrument, or that to which it is moved.
    BadInput
        If it would end before it starts.
    Conflict
        If the instrument is booked then, or a user portal keeps the booking.
    """
    booking = _own(session, viewer, booking_id)
    values = dict(changes)
    name = values.pop("instrument", None)
    if name is not None:
        values["instrument_id"] = _instrument(session, viewer, name).id
    for column, value in values.items():
        setattr(booking, column, value)
    with session.no_autoflush:
        _check(session, booking)
    session.flush()


def cancel(session: Session, viewer: Viewer, booking_id: int) -> None:
    """Delete a booking.

    Raises
    ------
    NotFound
        If there is none, or it is hidden.
    Forbidden
        If somebody does not look after the instrument.
    Conflict
        If something was acquired in it, or a user portal keeps the booking.
    """
    booking = _own(session, viewer, booking_id)
    if acquisitions.counts_of_bookings(session, [booking.id]).get(booking.id):
        raise Conflict("Something was acquired in this session, which therefore stays.")
    session.delete(booking)
    session.flush()


def _own(session: Session, viewer: Viewer, booking_id: int) -> Booking:
    """A booking that somebody may change."""
    row = bookings.get_booking(session, viewer, booking_id)
    _instrument(session, viewer, row.instrument)
    if row.booking.external_id is not None or row.booking.schedule_id is not None:
        raise Conflict("The user portal keeps this session: change it there.")
    return row.booking


def _instrument(session: Session, viewer: Viewer, name: str) -> Instrument:
    """An instrument that somebody looks after; locked, so that no two book the same time."""
    query = select(Instrument).where(Instrument.name == name)
    found = session.scalar(query.with_for_update())
    if found is None:
        raise NotFound("Instrument not found")
    looked_after = (
        select(InstrumentGroupMember.instrument_id)
        .join(InstrumentGroup, InstrumentGroup.id == InstrumentGroupMember.group_id)
        .where(
            InstrumentGroupMember.instrument_id == found.id,
            holds(viewer.user_id, InstrumentGroup.permission),
        )
        .limit(1)
    )
    if not viewer.changes_all and session.scalar(looked_after) is None:
        raise Forbidden(f'"{name}" is booked by those who look after it: ask one of them.')
    return found


def _check(session: Session, booking: Booking) -> None:
    starts_at, ends_at = booking.starts_at, booking.ends_at
    if starts_at is None or ends_at is None or ends_at <= starts_at:
        raise BadInput("A session ends after it starts: change one of the two.")
    taken = select(Booking.id).where(
        Booking.instrument_id == booking.instrument_id,
        Booking.starts_at < ends_at,
        Booking.ends_at > starts_at,
        Booking.id != (booking.id or 0),
    )
    if session.scalar(taken.limit(1)) is not None:
        raise Conflict("The instrument is booked at this time: choose another one.")
