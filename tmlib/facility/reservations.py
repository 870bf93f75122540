"""Bookings that people make, move and cancel; those of a user portal are kept there.

Who looks after an instrument may book it: who has the permission of a group that it is in, and
administrators.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.errors import BadInput, Conflict, Forbidden, NotFound
from tmlib.facility import acquisitions, bookings, proposals, visits
from tmlib.facility.models import Booking, Instrument, InstrumentGroup, InstrumentGroupMember
from tmlib.facility.visibility import Viewer, holds, require_work

_SLOT = ("instrument_id", "starts_at", "ends_at")


class Reservation(NamedTuple):
    """What is to be booked."""

    proposal: str
    instrument: str
    starts_at: datetime
    ends_at: datetime
    comments: str | None = None


def book(session: Session, viewer: Viewer, wanted: Reservation) -> Booking:
    """Book an instrument for a proposal that somebody works for, as its next visit.

    Raises
    ------
    NotFound
        If there is no such proposal or instrument, or it is hidden.
    Forbidden
        If somebody does not look after the instrument, or does not work for the proposal.
    BadInput
        If it would end before it starts.
    Conflict
        If the instrument is booked then.
    """
    [instrument] = _lock(session, viewer, wanted.instrument)
    proposal = proposals.find_proposal(session, viewer, wanted.proposal)
    # who books also lets all who look after the instrument see and change the proposal
    require_work(session, viewer, proposal.id)
    booking = Booking(
        proposal_id=proposal.id,
        instrument_id=instrument.id,
        visit_number=visits.next_number(session, proposal.id),
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
        If the instrument is booked then, or something was acquired that would not belong to the
        booking any more, or a user portal keeps it.
    """
    values = dict(changes)
    name = values.pop("instrument", None)
    booking, moved_to = _own(session, viewer, booking_id, name)
    if moved_to is not None:
        values["instrument_id"] = moved_to.id
    slot = [getattr(booking, column) for column in _SLOT]
    acquired = acquisitions.period_of_booking(session, booking.id)
    for column, value in values.items():
        setattr(booking, column, value)
    # what is as it was is not asked for again, since a portal may have told of another one then
    if slot != [getattr(booking, column) for column in _SLOT]:
        with session.no_autoflush:
            _check(session, booking)
    session.flush()
    if acquired is not None:
        left = acquisitions.period_of_booking(session, booking.id)
        if left is None or left[0] > acquired[0] or left[1] < acquired[1]:
            raise Conflict(
                "Something was acquired in this session that would belong to another one: "
                "choose another start."
            )


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
    booking, _ = _own(session, viewer, booking_id)
    if acquisitions.counts_of_bookings(session, [booking.id]).get(booking.id):
        raise Conflict("Something was acquired in this session, which therefore stays.")
    session.delete(booking)
    session.flush()


def _own(
    session: Session, viewer: Viewer, booking_id: int, move_to: str | None = None
) -> tuple[Booking, Instrument | None]:
    """A booking that somebody may change, and the instrument to which it is to be moved, if any.

    It is as nobody else can change it meanwhile.
    """
    seen = bookings.get_booking(session, viewer, booking_id)
    names = [seen.instrument] if move_to is None else [seen.instrument, move_to]
    instruments = {one.name: one for one in _lock(session, viewer, *names)}
    query = select(Booking).where(Booking.id == booking_id)
    booking = session.scalar(query.execution_options(populate_existing=True))
    if booking is None:
        raise NotFound("Session not found")
    if booking.instrument_id != instruments[seen.instrument].id:
        raise Conflict("Somebody has just moved this session to another instrument: look again.")
    if booking.external_id is not None or booking.schedule_id is not None:
        raise Conflict("The user portal keeps this session: change it there.")
    return booking, None if move_to is None else instruments[move_to]


def _lock(session: Session, viewer: Viewer, *names: str) -> list[Instrument]:
    """Instruments that somebody looks after; locked, so that no two book the same time."""
    query = select(Instrument).where(Instrument.name.in_(names)).order_by(Instrument.id)
    # in one order, and before proposals; what refers to them is written meanwhile
    found = session.scalars(query.with_for_update(key_share=True)).all()
    if len(found) < len(set(names)):
        raise NotFound("Instrument not found")
    looked_after = (
        select(InstrumentGroupMember.instrument_id)
        .join(InstrumentGroup, InstrumentGroup.id == InstrumentGroupMember.group_id)
        .where(
            InstrumentGroupMember.instrument_id.in_([one.id for one in found]),
            holds(viewer.user_id, InstrumentGroup.permission),
        )
    )
    theirs = set() if viewer.changes_all else set(session.scalars(looked_after))
    for one in found:
        if not viewer.changes_all and one.id not in theirs:
            raise Forbidden(f'"{one.name}" is booked by those who look after it: ask one of them.')
    return list(found)


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
