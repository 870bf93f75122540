"""Events: what happened in a session, in the order of time."""

from typing import Literal

from pydantic import Field

from tmlib.facility import events, movies
from tmlib.facility.acquisitions import Collection, CollectionFilter
from tmlib.facility.events import ACTION, COLLECTION, EventFilter
from tmlib.facility.jobs import Processing
from tmserver.access import UserAccess
from tmserver.http.paging import Part
from tmserver.http.routing import Routes
from tmserver.http.schemas import Text
from tmserver.ispyb.forms import Model, Moment, Number, PageQuery, ProposalName, Query, SessionName
from tmserver.ispyb.looking import looking

routes = Routes("Events")


class Workflow(Model):
    """The workflow that was run last with what was acquired."""

    workflow_id: int
    comments: str | None
    status: str
    workflow_title: str
    workflow_type: str


class DataCollectionGroup(Model):
    """Data collections of the same plate."""

    data_collection_group_id: int
    experiment_type: str | None
    workflow: Workflow | None = Field(alias="Workflow")


class Snapshots(Model):
    """Which snapshots there are."""

    first: bool = Field(False, alias="1")
    second: bool = Field(False, alias="2")
    third: bool = Field(False, alias="3")
    fourth: bool = Field(False, alias="4")
    analysis: bool = False


class DataCollectionMetaData(Model):
    """What belongs to a data collection."""

    snapshots: Snapshots


class DataCollection(Model):
    """An acquisition; values that only beamlines have are null."""

    data_collection_id: int
    run_status: str | None
    image_directory: str | None
    file_template: str | None
    image_container_sub_path: str | None = None
    number_of_images: int | None
    number_of_passes: int | None = None
    wavelength: float | None = None
    exposure_time: float | None = None
    flux: float | None = None
    x_beam: float | None = None
    y_beam: float | None = None
    beam_size_at_sample_x: float | None = Field(None, alias="beamSizeAtSampleX")
    beam_size_at_sample_y: float | None = Field(None, alias="beamSizeAtSampleY")
    transmission: float | None = None
    resolution: float | None = None
    detector_distance: float | None = None
    axis_start: float | None = None
    axis_end: float | None = None
    axis_range: float | None = None
    rotation_axis: str | None = None
    overlap: float | None = None
    phi_start: float | None = None
    kappa_start: float | None = None
    omega_start: float | None = None
    chi_start: float | None = None
    x_beam_pix: float | None = None
    y_beam_pix: float | None = None
    magnification: int | None = None
    binning: int | None = None
    particle_diameter: float | None = None
    defocus_step_size: float | None = None
    amount_astigmatism: float | None = None
    voltage: float | None = None
    obj_aperture: float | None = None
    data_collection_group: DataCollectionGroup = Field(alias="DataCollectionGroup")
    grid_info: list[None] = Field([], alias="GridInfo")
    metadata: DataCollectionMetaData = Field(alias="_metadata")


class RobotAction(Model):
    """Something that was done with what was acquired."""

    action_type: str
    status: str | None
    message: str | None


class Event(Model):
    """Something that happened; ``type`` says what ``Item`` is."""

    id: int
    type: Literal["dc", "robot", "xrf", "es"]
    start_time: Moment | None
    end_time: Moment | None
    duration: float | None
    count: int
    session: str | None
    session_id: int | None
    proposal: str
    bl_sample: str | None = None
    bl_sample_id: int | None = None
    attachments: int
    item: DataCollection | RobotAction = Field(alias="Item")


class EventType(Model):
    """A type of events."""

    event_type_name: str
    event_type: str


class _Which(Query):
    session: SessionName | None = None
    session_id: Number | None = None
    bl_sample_id: Number | None = None
    protein_id: Number | None = None


class WhichEvents(_Which, PageQuery):
    """Asks for events that fit all that is given."""

    status: Literal["success", "failed", "processed", "processerror"] | None = None
    event_type: Text | None = None
    proposal: ProposalName | None = None
    proposal_id: Number | None = None
    beam_line_name: Text | None = None
    data_collection_id: Number | None = None
    data_collection_group_id: Number | None = None
    bl_sub_sample_id: Number | None = None


class WhichEventTypes(_Which):
    """Asks for the types of events that fit all that is given."""


@routes.get("/events", permits="user")
def get_events(access: UserAccess, query: WhichEvents) -> Part[Event]:
    """List what happened, the latest first: acquisitions, workflows and tools."""
    which = CollectionFilter(
        booking=query.session,
        booking_id=query.session_id,
        proposal=query.proposal,
        proposal_id=query.proposal_id,
        instrument=query.beam_line_name,
        group_id=query.data_collection_group_id,
        collection_id=query.data_collection_id,
        status=query.status,
        sample_id=query.bl_sample_id,
        subsample_id=query.bl_sub_sample_id,
        specimen_id=query.protein_id,
    )
    with looking(access) as (session, viewer):
        wanted = EventFilter(which, query.event_type or None)
        found = events.list_events(session, viewer, query.window, wanted)
        shown = [event.collections[-1].id for event in found.rows if event.collections]
        measured = movies.measured(session, shown)
    return Part([_event(event, measured) for event in found.rows], found.total)


@routes.get("/events/types", permits="user")
def get_event_types(access: UserAccess, query: WhichEventTypes) -> Part[EventType]:
    """List the types of events that there are."""
    which = CollectionFilter(
        booking=query.session,
        booking_id=query.session_id,
        sample_id=query.bl_sample_id,
        specimen_id=query.protein_id,
    )
    with looking(access) as (session, viewer):
        found = events.list_types(session, viewer, which)
    types = [EventType(event_type_name=name, event_type=type_) for name, type_ in found]
    return Part(types, len(types))


def _event(event: events.Event, measured: set[int]) -> Event:
    if event.processing is not None:
        return _action(event.processing)
    last = event.collections[-1]
    ends = [one.ends_at for one in event.collections if one.ends_at is not None]
    return Event(
        id=last.id,
        type=COLLECTION,
        start_time=event.starts_at,
        end_time=max(ends) if len(ends) == len(event.collections) else None,
        duration=sum(one.minutes for one in event.collections) if ends else None,
        count=len(event.collections),
        session=last.booking,
        session_id=last.booking_id,
        proposal=last.proposal,
        attachments=sum(one.n_attachments for one in event.collections),
        item=_collection(last, event.workflow, has_plot=last.id in measured),
    )


def _action(processing: Processing) -> Event:
    started, finished = processing.started_at, processing.finished_at
    took = (finished - started).total_seconds() / 60 if started and finished else None
    return Event(
        id=processing.id,
        type=ACTION,
        start_time=started or processing.submitted_at,
        end_time=finished,
        duration=took,
        count=1,
        session=None,
        session_id=None,
        proposal=processing.proposal,
        attachments=0,
        item=RobotAction(
            action_type=processing.program,
            status=processing.word,
            message=f'"{processing.experiment}"',
        ),
    )


def _collection(one: Collection, workflow: Processing | None, *, has_plot: bool) -> DataCollection:
    group = DataCollectionGroup(
        data_collection_group_id=one.group_id,
        experiment_type=one.experiment_type,
        workflow=workflow
        and Workflow(
            workflow_id=workflow.id,
            comments=None,
            status=workflow.word,
            workflow_title=workflow.experiment,
            workflow_type=one.experiment_type,
        ),
    )
    return DataCollection(
        data_collection_id=one.id,
        run_status=one.status,
        image_directory=one.folder,
        file_template=one.name,
        number_of_images=one.n_images,
        data_collection_group=group,
        metadata=DataCollectionMetaData(snapshots=_snapshots(one.n_images, has_plot=has_plot)),
    )


def _snapshots(n_images: int, *, has_plot: bool) -> Snapshots:
    first, second, third, fourth = (number <= n_images for number in range(1, 5))
    return Snapshots(first=first, second=second, third=third, fourth=fourth, analysis=has_plot)
