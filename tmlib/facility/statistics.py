"""How well instruments were used: times of bookings, what failed, and what was done at which hour.

All durations are in hours. Only data collections that have ended count.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from typing import NamedTuple

from sqlalchemy import func
from sqlalchemy.orm import Session

from tmlib.db import times
from tmlib.experiments.models import Acquisition
from tmlib.facility import acquisitions, bookings, jobs, visits
from tmlib.facility.acquisitions import FAILED, Collection, CollectionFilter
from tmlib.facility.bookings import BookingFilter, BookingRow
from tmlib.facility.jobs import Processing
from tmlib.facility.pages import Window
from tmlib.facility.visibility import Viewer
from tmlib.ledger.models import Submission

HOURS = range(24)

_EVERYTHING = Window(0, 2**31 - 1)
_MOST_REASONS = 1000  # different ones that are read
_ALIKE = 0.8  # share of two messages from which on they count as the same
_LONGEST = 200  # characters of a message
_MOST_COMPARED = 30  # messages, each with each other: that takes some milliseconds for long ones
_NUMBER = re.compile("[0-9]+")


class BookingUse(NamedTuple):
    """How the time of a booking was used.

    ``startup`` is the time before the first data collection, ``remaining`` the one after the last,
    and ``thinking`` what is left of the duration without startup and data collections.
    """

    booking_id: int
    duration: float
    startup: float
    data_collection: float
    remaining: float

    @property
    def thinking(self) -> float:
        """Time in which nobody knows what was done."""
        return max(0.0, self.duration - self.startup - self.data_collection)


class TypeErrors(NamedTuple):
    """How many data collections of a type there were, how many failed, and why jobs failed."""

    type: str
    total: int
    failed: int
    messages: list[tuple[str, int]]


class Breakdown(NamedTuple):
    """What happened in a booking."""

    booking: BookingRow
    collections: list[Collection]
    processings: list[Processing]


def uses(session: Session, viewer: Viewer, which: CollectionFilter) -> list[BookingUse]:
    """How the time of bookings was used that have data collections, the latest start first."""
    by_booking: dict[int, list[Collection]] = {}
    for one in _collections(session, viewer, which):
        if one.booking_id is not None:
            by_booking.setdefault(one.booking_id, []).append(one)
    found = []
    for row in _bookings(session, viewer, which):
        collections = by_booking.get(row.booking.id)
        starts, ends = row.booking.starts_at, row.booking.ends_at
        if collections and starts is not None and ends is not None:
            found.append(_use(row.booking.id, starts, ends, collections))
    return found


def errors(session: Session, viewer: Viewer, which: CollectionFilter) -> list[TypeErrors]:
    """What failed, by types of experiments."""
    by_type: dict[str, list[Collection]] = {}
    for one in _collections(session, viewer, which, ended=False):
        if one.status is not None:
            by_type.setdefault(one.experiment_type, []).append(one)
    return [
        TypeErrors(
            type_,
            len(collections),
            sum(one.status == FAILED for one in collections),
            alike(_messages(session, viewer, which._replace(experiment_type=type_))),
        )
        for type_, collections in sorted(by_type.items())
    ]


def hourly(session: Session, viewer: Viewer, which: CollectionFilter) -> list[float]:
    """How many data collections begin at each hour, on days when some do at that hour."""
    slot = times.hour(Acquisition.created_at)
    query = acquisitions.visible(viewer, slot, func.count())
    query = query.where(*acquisitions.conditions(session, which)).group_by(slot)
    by_hour: dict[int, list[int]] = {}
    for day_and_hour, count in session.execute(query):
        by_hour.setdefault(int(day_and_hour[-2:]), []).append(count)
    return [sum(by_hour[hour]) / len(by_hour[hour]) if hour in by_hour else 0.0 for hour in HOURS]


def breakdown(session: Session, viewer: Viewer, which: CollectionFilter) -> Breakdown | None:
    """What happened in a booking; None if there is none that somebody sees."""
    rows = _bookings(session, viewer, which)
    if not rows:
        return None
    collections = _collections(session, viewer, which)
    experiments = {one.experiment_id for one in collections}
    processings = jobs.describe(session, viewer, Submission.owner_id.in_(experiments))
    return Breakdown(rows[0], collections, processings[::-1])


def alike(messages: Mapping[str, int]) -> list[tuple[str, int]]:
    """Messages with how often there are similar ones, the rarest first.

    Those that differ in numbers alone are taken for similar; of the others, the most frequent ones
    are compared.
    """
    counts: Counter[str] = Counter()
    spelled: dict[str, str] = {}
    for message, count in messages.items():
        counts[spelled.setdefault(_NUMBER.sub("0", message), message)] += count
    merged: Counter[str] = Counter()
    for place, (message, count) in enumerate(counts.most_common()):
        is_compared = place < _MOST_COMPARED
        known = (one for one in merged if is_compared and _are_alike(one, message))
        merged[next(known, message)] += count
    return sorted(merged.items(), key=lambda pair: (pair[1], pair[0]))


def _are_alike(one: str, other: str) -> bool:
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    # the first two are quick, and never less than the third
    return (
        matcher.real_quick_ratio() > _ALIKE
        and matcher.quick_ratio() > _ALIKE
        and matcher.ratio() > _ALIKE
    )


def _messages(session: Session, viewer: Viewer, which: CollectionFilter) -> dict[str, int]:
    owners = acquisitions.visible(viewer, Acquisition.experiment_id)
    owners = owners.where(*acquisitions.conditions(session, which))
    for_these = Submission.owner_id.in_(owners)
    found: Counter[str] = Counter()
    for reason, count in jobs.count_reasons(session, viewer, _MOST_REASONS, for_these).items():
        lines = reason.strip().splitlines() or ["?"]
        found[lines[-1][:_LONGEST]] += count
    return found


def _collections(
    session: Session, viewer: Viewer, which: CollectionFilter, *, ended: bool = True
) -> list[Collection]:
    conditions = acquisitions.conditions(session, which)
    found = acquisitions.describe(session, viewer, *conditions)
    return [one for one in found if one.ends_at is not None or not ended]


def _bookings(session: Session, viewer: Viewer, which: CollectionFilter) -> list[BookingRow]:
    if which.booking_id is not None:
        number: int | None = which.booking_id
    elif which.booking is not None:
        number = visits.find(session, which.booking)
    else:
        page = bookings.list_bookings(
            session, viewer, _EVERYTHING, BookingFilter(proposal=which.proposal)
        )
        return page.rows
    found = None if number is None else bookings.find_booking(session, viewer, number)
    return [] if found is None else [found]


def _use(
    booking_id: int, starts: datetime, ends: datetime, collections: Sequence[Collection]
) -> BookingUse:
    first = min(one.starts_at for one in collections)
    last = max(one.ends_at for one in collections if one.ends_at is not None)
    return BookingUse(
        booking_id,
        duration=_hours(ends - starts),
        startup=max(0.0, _hours(first - starts)),
        data_collection=sum(one.minutes for one in collections) / 60,
        remaining=max(0.0, _hours(ends - last)),
    )


def _hours(span: timedelta) -> float:
    return span.total_seconds() / 3600
