"""Bookings of instruments, which py-ISPyB calls sessions."""

from collections.abc import Sequence
from datetime import MAXYEAR, UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from tmlib.db import clock
from tmlib.db.times import month
from tmlib.errors import NotFound
from tmlib.facility import acquisitions, pages, visits
from tmlib.facility.models import (
    Booking,
    BookingPerson,
    BookingType,
    Instrument,
    InstrumentGroup,
    InstrumentGroupMember,
    Proposal,
)
from tmlib.facility.pages import Page, Query, Window
from tmlib.facility.visibility import Viewer, shows

SOON = timedelta(minutes=20)
"""How long before its start and after its end a booking counts as active soon."""

_MONTHS = 12
_LATEST_FIRST = (Booking.starts_at.desc().nulls_last(), Booking.id.desc())


class BookingFilter(NamedTuple):
    """Which bookings are asked for; what is None, or False for the flags, does not matter.

    ``month`` and ``year`` are those of the start or of the end; between the two moments of ``span``
    the booking begins, ends, or goes on. One without an end ends as it begins.
    """

    instrument_group: str | None = None
    instrument: str | None = None
    proposal: str | None = None
    type: str | None = None
    scheduled: bool | None = None
    upcoming: bool = False
    previous: bool = False
    month: int | None = None
    year: int | None = None
    span: tuple[datetime, datetime] | None = None


class BookingRow(NamedTuple):
    """A booking, and what is told with it."""

    booking: Booking
    proposal: str
    instrument: str
    n_people: int
    types: list[str]
    ui_groups: list[str]
    is_active: bool
    is_active_soon: bool
    n_collections: int

    @property
    def name(self) -> str:
        """Name of the proposal and number of the visit."""
        return visits.name(self.proposal, self.booking.visit_number)


def list_bookings(
    session: Session, viewer: Viewer, window: Window, which: BookingFilter
) -> Page[BookingRow]:
    """Bookings that somebody sees and that fit all that is asked for, the latest start first."""
    query = _visible(viewer).order_by(*_LATEST_FIRST)
    found = pages.read(session, query.where(*_conditions(session, which)), window)
    return Page(_with_numbers(session, found.rows), found.total)


def latest_of_group(session: Session, viewer: Viewer, which: BookingFilter) -> list[BookingRow]:
    """Of each instrument in a group, the booking that starts last."""
    if which.instrument_group is None:
        return []
    rank = func.row_number().over(partition_by=Booking.instrument_id, order_by=_LATEST_FIRST)
    ranked = (
        select(Booking.id, rank.label("rank"))
        .join(Proposal, Proposal.id == Booking.proposal_id)
        .join(Instrument, Instrument.id == Booking.instrument_id)
        .where(shows(viewer, Booking.proposal_id), *_conditions(session, which))
        .subquery()
    )
    latest = select(ranked.c.id).where(ranked.c.rank == 1)
    query = _visible(viewer).where(Booking.id.in_(latest)).order_by(*_LATEST_FIRST)
    return _with_numbers(session, session.execute(query).all())


def get_booking(session: Session, viewer: Viewer, booking_id: int) -> BookingRow:
    """A booking that somebody sees.

    Raises
    ------
    NotFound
        If there is none, or it is hidden.
    """
    found = find_booking(session, viewer, booking_id)
    if found is None:
        raise NotFound("Session not found")
    return found


def find_booking(session: Session, viewer: Viewer, booking_id: int) -> BookingRow | None:
    """A booking, if there is one of this number that somebody sees."""
    rows = session.execute(_visible(viewer).where(Booking.id == booking_id)).all()
    return _with_numbers(session, rows)[0] if rows else None


def _visible(viewer: Viewer) -> Query:
    return (
        select(Booking, Proposal.name, Instrument.name)
        .join(Proposal, Proposal.id == Booking.proposal_id)
        .join(Instrument, Instrument.id == Booking.instrument_id)
        .where(shows(viewer, Booking.proposal_id))
    )


def _conditions(session: Session, which: BookingFilter) -> list[ColumnElement[bool]]:
    now = clock.read(session)
    conditions: list[ColumnElement[bool]] = []
    if which.instrument_group is not None:
        members = (
            select(InstrumentGroupMember.instrument_id)
            .join(InstrumentGroup, InstrumentGroup.id == InstrumentGroupMember.group_id)
            .where(
                InstrumentGroup.name == which.instrument_group,
                InstrumentGroupMember.archived.is_(False),
            )
        )
        conditions.append(Booking.instrument_id.in_(members))
    if which.type is not None:
        typed = select(BookingType.booking_id).where(BookingType.name == which.type)
        conditions.append(Booking.id.in_(typed))
    for column, value in (
        (Instrument.name, which.instrument),
        (Proposal.name, which.proposal),
        (Booking.scheduled, which.scheduled),
    ):
        if value is not None:
            conditions.append(column == value)
    if which.upcoming:
        conditions.append(Booking.ends_at >= now)
    if which.previous:
        conditions.append(Booking.ends_at < now)
    if which.year is not None and which.month is not None:
        conditions.append(_touches(which.year, (which.month, which.month)))
    elif which.year is not None:
        conditions.append(_touches(which.year, (1, _MONTHS)))
    elif which.month is not None:
        times = (Booking.starts_at, Booking.ends_at)
        conditions.append(or_(*(month(time) == which.month for time in times)))
    if which.span is not None:
        first, last = which.span
        ends_at = func.coalesce(Booking.ends_at, Booking.starts_at)
        conditions += [Booking.starts_at <= last, ends_at >= first]
    return conditions


def _touches(year: int, months: tuple[int, int]) -> ColumnElement[bool]:
    """Whether a booking starts or ends within the first to the last of some months of a year."""
    first, last = months
    since = datetime(year, first, 1, tzinfo=UTC)
    times = (Booking.starts_at, Booking.ends_at)
    if year == MAXYEAR and last == _MONTHS:
        return or_(*(time >= since for time in times))
    until = datetime(year + last // _MONTHS, last % _MONTHS + 1, 1, tzinfo=UTC)
    return or_(*(and_(time >= since, time < until) for time in times))


def _with_numbers(session: Session, rows: Sequence[Any]) -> list[BookingRow]:
    now = clock.read(session)
    ids = [booking.id for booking, _, _ in rows]
    people = (
        select(BookingPerson.booking_id, func.count())
        .where(BookingPerson.booking_id.in_(ids))
        .group_by(BookingPerson.booking_id)
    )
    n_people = pages.by_number(session, people)
    n_collections = acquisitions.counts_of_bookings(session, ids)
    types = pages.gathered(
        session,
        select(BookingType.booking_id, BookingType.name)
        .where(BookingType.booking_id.in_(ids))
        .order_by(BookingType.name),
    )
    ui_groups = pages.gathered(
        session,
        select(InstrumentGroupMember.instrument_id, InstrumentGroup.ui_group)
        .distinct()
        .join(InstrumentGroup, InstrumentGroup.id == InstrumentGroupMember.group_id)
        .where(
            InstrumentGroupMember.instrument_id.in_(
                {booking.instrument_id for booking, _, _ in rows}
            )
        )
        .order_by(InstrumentGroup.ui_group),
    )
    return [
        BookingRow(
            booking,
            proposal,
            instrument,
            n_people.get(booking.id, 0),
            types.get(booking.id, []),
            ui_groups.get(booking.instrument_id, []),
            is_active=_holds(booking, now, timedelta()),
            is_active_soon=_holds(booking, now, SOON),
            n_collections=n_collections.get(booking.id, 0),
        )
        for booking, proposal, instrument in rows
    ]


def _holds(booking: Booking, moment: datetime, margin: timedelta) -> bool:
    starts, ends = booking.starts_at, booking.ends_at
    # a margin is added to the present alone: before the first year, or after the last, is no time
    return bool(starts and ends and starts <= moment + margin and moment - margin <= ends)
