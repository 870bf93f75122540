"""Statistics: how the time of instruments was used, and what failed."""

from typing import ClassVar, Literal

from pydantic import Field

from tmlib.errors import BadInput, NotFound
from tmlib.facility import statistics
from tmlib.facility.acquisitions import FAILED, Collection, CollectionFilter
from tmlib.facility.jobs import Processing
from tmlib.facility.statistics import BookingUse, Breakdown
from tmserver.access import UserAccess
from tmserver.http.routing import Routes
from tmserver.http.schemas import Text
from tmserver.ispyb.forms import Model, Moment, Number, ProposalName, Query, SessionName
from tmserver.ispyb.looking import looking

routes = Routes("Stats")


class NothingSelectedError(BadInput):
    """A request does not say what statistics are asked for."""

    status_code: ClassVar[int] = 422


class TimeEntry(Model):
    """Hours of a session; what only beamlines do takes none."""

    duration: float = 0
    startup: float = 0
    datacollection: float = 0
    remaining: float = 0
    edge: float = 0
    xrf: float = 0
    robot: float = 0
    strategy: float = 0
    centring: float = 0
    fault: float = 0
    thinking: float = 0


class SessionTimeEntry(TimeEntry):
    """Hours of one session."""

    session_id: int


class Times(Model):
    """Hours of sessions, and their mean."""

    average: TimeEntry
    sessions: list[SessionTimeEntry]


class ErrorMessage(Model):
    """Why something failed, and how often that or something alike was the reason."""

    count: int
    message: str = Field(examples=["The file is damaged."])


class ErrorTotals(Model):
    """What failed of the data collections of a type."""

    experiment_type: str
    total: int
    failed: int
    failed_percent: float
    aborted: int = 0
    aborted_percent: float = 0
    messages: list[ErrorMessage]


class Errors(Model):
    """What failed, by types."""

    totals: list[ErrorTotals]


class Hourly(Model):
    """A mean for each hour of the day, in UTC."""

    hour: list[int]
    average: list[float]


class Hourlies(Model):
    """What begins at each hour of the day."""

    datacollections: Hourly
    loaded: Hourly


class Counts(Model):
    """How much happened."""

    datacollections: int
    failed: int
    datacollection_types: dict[str, int]
    robot: int
    edge: int = 0
    xrf: int = 0


class Overview(Model):
    """A session, and how much happened in it."""

    start_date: Moment | None
    end_date: Moment | None
    duration: float | None
    beam_line_name: str
    session_id: str = Field(examples=["1"])
    session: str
    counts: Counts


class HistoryItem(Model):
    """Something that took place."""

    event_type: Literal["dc", "robot"] = Field(examples=["dc"])
    start_time: Moment
    end_time: Moment
    protein: str | None = Field(examples=["Screen 1"])
    sample: str | None = Field(None, examples=["A01"])
    sub_type: str | None = Field(examples=["canonical"])
    status: str | None
    title: str | None = None
    session: str | None = None
    session_id: int | None = None


class Series(Model):
    """Values over time."""

    title: str
    unit: str | None = Field(None, examples=["s"])
    data: list[float | None]


class Plottables(Model):
    """What can be drawn over time."""

    time: list[Moment] = Field(examples=[["2026-03-14T09:05:00"]])
    series: list[Series]


class BreakdownAnswer(Model):
    """What happened in a session."""

    overview: Overview
    history: list[HistoryItem]
    plottables: Plottables


class WhichSession(Query):
    """Asks for a session, by its number or its name."""

    session: SessionName | None = None
    session_id: Number | None = None
    beam_line_name: Text | None = None
    run_id: Number | None = None

    def selected(self) -> CollectionFilter:
        """The data collections that are meant."""
        if self.session is None and self.session_id is None:
            raise NothingSelectedError("Please provide either `sessionId` or `session`")
        return CollectionFilter(booking=self.session, booking_id=self.session_id)


class WhichSessions(WhichSession):
    """Asks for a session, or for all of a proposal."""

    proposal: ProposalName | None = None

    def selected(self) -> CollectionFilter:
        """The data collections that are meant."""
        if self.proposal is None and self.session is None and self.session_id is None:
            raise NothingSelectedError(
                "Please provide either `proposal` or `sessionId` or `session`"
            )
        return CollectionFilter(
            booking=self.session, booking_id=self.session_id, proposal=self.proposal
        )


@routes.get("/stats/breakdown", permits="user", raises=(404,))
def get_breakdown(access: UserAccess, query: WhichSession) -> BreakdownAnswer:
    """Tell what happened in a session."""
    which = query.selected()
    with looking(access) as (session, viewer):
        found = statistics.breakdown(session, viewer, which)
    if found is None:
        raise NotFound("Session not found")
    return _breakdown(found)


@routes.get("/stats/times", permits="user")
def get_times(access: UserAccess, query: WhichSessions) -> Times:
    """Tell how the time of sessions was used, in hours."""
    which = query.selected()
    with looking(access) as (session, viewer):
        found = statistics.uses(session, viewer, which)
    entries = [SessionTimeEntry(session_id=use.booking_id, **_entry(use)) for use in found]
    names = TimeEntry.model_fields if entries else ()
    means = {name: sum(getattr(entry, name) for entry in entries) / len(entries) for name in names}
    return Times(average=TimeEntry(**means), sessions=entries)


@routes.get("/stats/errors", permits="user")
def get_errors(access: UserAccess, query: WhichSession) -> Errors:
    """Tell what failed in a session, and why."""
    which = query.selected()
    with looking(access) as (session, viewer):
        found = statistics.errors(session, viewer, which)
    return Errors(
        totals=[
            ErrorTotals(
                experiment_type=one.type,
                total=one.total,
                failed=one.failed,
                failed_percent=round(100 * one.failed / one.total, 1),
                messages=[ErrorMessage(count=count, message=text) for text, count in one.messages],
            )
            for one in found
        ]
    )


@routes.get("/stats/hourlies", permits="user")
def get_hourlies(access: UserAccess, query: WhichSessions) -> Hourlies:
    """Tell how many data collections begin at each hour of the day."""
    which = query.selected()
    with looking(access) as (session, viewer):
        found = statistics.hourly(session, viewer, which)
    hours = list(statistics.HOURS)
    return Hourlies(
        datacollections=Hourly(hour=hours, average=found),
        loaded=Hourly(hour=hours, average=[0.0] * len(hours)),
    )


def _entry(use: BookingUse) -> dict[str, float]:
    return {
        "duration": use.duration,
        "startup": use.startup,
        "datacollection": use.data_collection,
        "remaining": use.remaining,
        "thinking": use.thinking,
    }


def _breakdown(found: Breakdown) -> BreakdownAnswer:
    booking = found.booking.booking
    starts, ends = booking.starts_at, booking.ends_at
    types = [one.experiment_type for one in found.collections]
    return BreakdownAnswer(
        overview=Overview(
            start_date=starts,
            end_date=ends,
            duration=(ends - starts).total_seconds() / 3600 if starts and ends else None,
            beam_line_name=found.booking.instrument,
            session_id=str(booking.id),
            session=found.booking.name,
            counts=Counts(
                datacollections=len(found.collections),
                failed=sum(one.status == FAILED for one in found.collections),
                datacollection_types={type_: types.count(type_) for type_ in sorted(set(types))},
                robot=len(found.processings),
            ),
        ),
        history=[_collected(one) for one in found.collections]
        + [item for one in found.processings if (item := _processed(one)) is not None],
        plottables=Plottables(
            time=[one.starts_at for one in found.collections],
            series=[
                Series(
                    title="numberOfImages", data=[float(one.n_images) for one in found.collections]
                )
            ],
        ),
    )


def _collected(one: Collection) -> HistoryItem:
    return HistoryItem(
        event_type="dc",
        start_time=one.starts_at,
        end_time=one.ends_at or one.starts_at,
        protein=one.folder.partition("/")[0],
        sub_type=one.experiment_type,
        status=one.status,
    )


def _processed(one: Processing) -> HistoryItem | None:
    if one.started_at is None or one.finished_at is None:
        return None
    return HistoryItem(
        event_type="robot",
        start_time=one.started_at,
        end_time=one.finished_at,
        protein=one.experiment,
        sub_type=one.program,
        status=one.word,
    )
