"""Sessions: bookings of instruments."""

from typing import Annotated, Any

from flask import Response
from pydantic import Field

from tmlib.facility import bookings, reservations
from tmlib.facility.bookings import BookingFilter, BookingRow
from tmlib.facility.reservations import Reservation
from tmserver.access import UserAccess
from tmserver.http.paging import Part
from tmserver.http.routing import Routes
from tmserver.http.schemas import Moment as GivenMoment
from tmserver.http.schemas import Text
from tmserver.ispyb.forms import Model, Moment, PageQuery, ProposalName, Query, Sent
from tmserver.ispyb.looking import looking, viewer_of

routes = Routes("Sessions")

_MONTHS = 12


class BeamLineSetup(Model):
    """How the instrument was set up."""

    beam_line_setup_id: int
    synchrotron_mode: str | None = None
    undulator_type1: str | None = Field(None, alias="undulatorType1")
    undulator_type2: str | None = Field(None, alias="undulatorType2")
    undulator_type3: str | None = Field(None, alias="undulatorType3")
    focal_spot_size_at_sample: float | None = None
    focusing_optic: str | None = None
    beam_divergence_horizontal: float | None = None
    beam_divergence_vertical: float | None = None
    polarisation: float | None = None
    monochromator_type: str | None = None
    setup_date: Moment | None = None
    synchrotron_name: str | None = None
    max_exp_time_per_data_collection: float | None = None
    min_exposure_time_per_image: float | None = None
    goniostat_max_oscillation_speed: float | None = None
    goniostat_min_oscillation_width: float | None = None
    min_transmission: float | None = None
    cs: float | None = Field(None, alias="CS")


class SessionMetaData(Model):
    """What belongs to a session, and whether it goes on now, or within 20 minutes of now."""

    datacollections: int
    ui_groups: list[str]
    persons: int
    active: bool
    active_soon: bool = Field(alias="active_soon")
    session_types: list[str]


class Session(Model):
    """Time of an instrument that is booked for a proposal."""

    session_id: int
    proposal_id: int
    session: str = Field(examples=["MX1-1"])
    proposal: str = Field(examples=["MX1"])
    beam_line_setup: BeamLineSetup | None = Field(alias="BeamLineSetup")
    visit_number: int | None = Field(alias="visit_number")
    start_date: Moment | None
    end_date: Moment | None
    beam_line_name: str
    beam_line_operator: str | None
    scheduled: bool | None
    comments: str | None
    nb_reimb_dewars: int | None
    metadata: SessionMetaData = Field(alias="_metadata")


class _WhichOfGroup(Query):
    beam_line_group: Text | None = None
    upcoming: bool = False
    previous: bool = False
    session_type: Text | None = None


class WhichSessions(_WhichOfGroup, PageQuery):
    """Asks for sessions that fit all that is given.

    Month and year are of the start or the end; with both ``since`` and ``until``, a session begins,
    ends or goes on between these.
    """

    scheduled: bool | None = None
    proposal: ProposalName | None = None
    beam_line_name: Text | None = None
    month: Annotated[str, Field(pattern=r"^\d\d?$")] | None = None
    year: Annotated[str, Field(pattern=r"^\d\d\d\d$")] | None = None
    since: GivenMoment | None = Field(None, examples=["2026-03-09T00:00:00"])
    until: GivenMoment | None = Field(None, examples=["2026-03-16T00:00:00"])


class WhichSessionsOfGroup(_WhichOfGroup):
    """Asks for the latest session of each instrument in a group."""


class NewSession(Sent):
    """What is to be booked, for which proposal."""

    proposal: ProposalName = Field(examples=["MX1"])
    beam_line_name: Text
    start_date: GivenMoment
    end_date: GivenMoment
    comments: Text | None = None


class SessionChanges(Sent):
    """What is to change; what is not sent, or null, stays as it is."""

    beam_line_name: Text | None = None
    start_date: GivenMoment | None = None
    end_date: GivenMoment | None = None
    comments: Text | None = None


@routes.get("/sessions", permits="user")
def get_sessions(access: UserAccess, query: WhichSessions) -> Part[Session]:
    """List sessions, the latest start first."""
    month = None if query.month is None else int(query.month)
    year = None if query.year is None else int(query.year)
    if (month is not None and not 1 <= month <= _MONTHS) or year == 0:
        return Part([], 0)
    which = BookingFilter(
        instrument_group=query.beam_line_group,
        instrument=query.beam_line_name,
        proposal=query.proposal,
        type=query.session_type,
        scheduled=query.scheduled,
        upcoming=query.upcoming,
        previous=query.previous,
        month=month,
        year=year,
        span=(query.since, query.until) if query.since and query.until else None,
    )
    with looking(access) as (session, viewer):
        found = bookings.list_bookings(session, viewer, query.window, which)
    return Part([_session(row) for row in found.rows], found.total)


@routes.get("/sessions/group", permits="user")
def get_sessions_of_group(access: UserAccess, query: WhichSessionsOfGroup) -> Part[Session]:
    """List the latest session of each instrument in a group."""
    which = BookingFilter(
        instrument_group=query.beam_line_group,
        type=query.session_type,
        upcoming=query.upcoming,
        previous=query.previous,
    )
    with looking(access) as (session, viewer):
        found = bookings.latest_of_group(session, viewer, which)
    return Part([_session(row) for row in found], len(found))


@routes.get("/sessions/<session_id>", permits="user", raises=(404,))
def get_session(access: UserAccess, session_id: int) -> Session:
    """Get a session."""
    with looking(access) as (session, viewer):
        return _session(bookings.get_booking(session, viewer, session_id))


@routes.post("/sessions", permits="user", success=(201,), raises=(400, 404))
def create_session(access: UserAccess, body: NewSession) -> Session:
    """Book an instrument; you must look after it, and work for the proposal."""
    wanted = Reservation(
        proposal=body.proposal,
        instrument=body.beam_line_name,
        starts_at=body.start_date,
        ends_at=body.end_date,
        comments=body.comments,
    )
    with access.database.transaction() as session:
        viewer = viewer_of(access, session)
        booking = reservations.book(session, viewer, wanted)
        return _session(bookings.get_booking(session, viewer, booking.id))


@routes.patch("/sessions/<session_id>", permits="user", raises=(400, 404))
def update_session(access: UserAccess, session_id: int, body: SessionChanges) -> Session:
    """Change a session; you must look after its instrument, and no user portal keep it."""
    changes: dict[str, Any] = {
        "instrument": body.beam_line_name,
        "starts_at": body.start_date,
        "ends_at": body.end_date,
        "comments": body.comments,
    }
    given = {name: value for name, value in changes.items() if value is not None}
    with access.database.transaction() as session:
        viewer = viewer_of(access, session)
        reservations.change(session, viewer, session_id, given)
        return _session(bookings.get_booking(session, viewer, session_id))


@routes.delete("/sessions/<session_id>", permits="user", success=(204,), raises=(400, 404))
def delete_session(access: UserAccess, session_id: int) -> Response:
    """Delete a session in which nothing was acquired; you must look after its instrument."""
    with access.database.transaction() as session:
        reservations.cancel(session, viewer_of(access, session), session_id)
    return Response(status=204)


def _session(row: BookingRow) -> Session:
    booking = row.booking
    return Session(
        session_id=booking.id,
        proposal_id=booking.proposal_id,
        session=row.name,
        proposal=row.proposal,
        beam_line_setup=booking.setup and BeamLineSetup.model_validate(booking.setup),
        visit_number=booking.visit_number,
        start_date=booking.starts_at,
        end_date=booking.ends_at,
        beam_line_name=row.instrument,
        beam_line_operator=booking.operator,
        scheduled=booking.scheduled,
        comments=booking.comments,
        nb_reimb_dewars=booking.n_reimbursed_dewars,
        metadata=SessionMetaData(
            datacollections=row.n_collections,
            ui_groups=row.ui_groups,
            persons=row.n_people,
            active=row.is_active,
            active_soon=row.is_active_soon,
            session_types=row.types,
        ),
    )
