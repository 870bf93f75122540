"""What belongs to data collections: files that came with images, and steps of workflows."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Literal

from flask import Response
from pydantic import Field

from tmlib.errors import NotFound
from tmlib.facility import acquisitions, job_logs, jobs
from tmlib.facility.acquisitions import CollectionFilter
from tmlib.storage import ExperimentStorage
from tmlib.uploads import sources
from tmserver.access import UserAccess
from tmserver.http.opened_files import send_opened
from tmserver.http.paging import Part
from tmserver.http.routing import Routes
from tmserver.ispyb.forms import PREFIX, Model, Number, PageQuery, Query
from tmserver.ispyb.looking import looking

routes = Routes("Data Collections")

_TEXT = "text/plain"
_AT_ONCE = 20


class DataCollectionFileAttachmentMetaData(Model):
    """Where the file is."""

    url: str
    file_name: str


class DataCollectionFileAttachment(Model):
    """A file that tells of the images of a data collection."""

    data_collection_file_attachment_id: int
    data_collection_id: int
    file_type: str
    metadata: DataCollectionFileAttachmentMetaData = Field(alias="_metadata")


class WhichAttachments(PageQuery):
    """Asks for files by what they tell of."""

    data_collection_id: Number | None = None
    data_collection_group_id: Number | None = None


class WorkflowStepAttachments(Model):
    """Which results of a step are files."""

    image_result_file_path: bool = False
    result_file_path: bool = False
    html_result_file_path: bool = False


class WorkflowStepMetaData(Model):
    """What belongs to a step."""

    attachments: WorkflowStepAttachments


class WorkflowStep(Model):
    """A step of a workflow that was handed in."""

    workflow_id: int
    workflow_step_id: int
    workflow_step_type: str | None
    status: str | None
    comments: str | None = None
    metadata: WorkflowStepMetaData = Field(alias="_metadata")


class WhichWorkflowSteps(PageQuery):
    """Asks for the steps of a workflow."""

    workflow_id: Number | None = None
    workflow_step_id: Number | None = None


class WhichStepAttachment(Query):
    """Asks for a result of a step: here what its jobs have printed, and no image."""

    attachment_type: Literal["imageResultFilePath", "resultFilePath"]


@routes.get("/datacollections/attachments", permits="user")
def get_datacollection_attachments(
    access: UserAccess, query: WhichAttachments
) -> Part[DataCollectionFileAttachment]:
    """List files that came with images and tell of them."""
    which = CollectionFilter(
        collection_id=query.data_collection_id, group_id=query.data_collection_group_id
    )
    with looking(access) as (session, viewer):
        found = acquisitions.list_attachments(session, viewer, query.window, which)
    return Part(
        [
            DataCollectionFileAttachment(
                data_collection_file_attachment_id=one.id,
                data_collection_id=one.collection_id,
                file_type="metadata",
                metadata=DataCollectionFileAttachmentMetaData(
                    url=f"{PREFIX}/datacollections/attachments/{one.id}", file_name=one.name
                ),
            )
            for one in found.rows
        ],
        found.total,
    )


@routes.get(
    "/datacollections/attachments/<attachment_id>",
    permits="user",
    raises=(404,),
    success=(200, 304),
    media=("*/*",),
)
def get_datacollection_attachment(access: UserAccess, attachment_id: int) -> Response:
    """Get such a file."""
    with looking(access) as (session, viewer):
        found = acquisitions.get_attachment(session, viewer, attachment_id)
    storage = ExperimentStorage(access.settings.data_dir, found.experiment_id)
    folder = storage.microscope_metadata(found.plate_id, found.collection_id)
    try:
        file = sources.open_source(
            folder,
            found.name,
            roots=access.settings.upload_roots,
            data_dir=access.settings.data_dir,
        )
    except NotFound:
        raise NotFound("Data collection attachment not found") from None
    name = PurePosixPath(found.name).name
    return send_opened(file, "application/octet-stream", as_attachment=name)


@routes.get("/datacollections/workflows/steps", permits="user")
def get_workflow_steps(access: UserAccess, query: WhichWorkflowSteps) -> Part[WorkflowStep]:
    """List the steps of workflows."""
    with looking(access) as (session, viewer):
        found = jobs.list_steps(
            session,
            viewer,
            query.window,
            processing_id=query.workflow_id,
            step_id=query.workflow_step_id,
        )
        with_logs = job_logs.steps_with_logs(session, [one.id for one in found.rows])
    return Part(
        [
            WorkflowStep(
                workflow_id=one.processing_id,
                workflow_step_id=one.id,
                workflow_step_type=one.name,
                status=one.status,
                metadata=WorkflowStepMetaData(
                    attachments=WorkflowStepAttachments(result_file_path=one.id in with_logs)
                ),
            )
            for one in found.rows
        ],
        found.total,
    )


@routes.get(
    "/datacollections/workflows/steps/<workflow_step_id>",
    permits="user",
    raises=(404,),
    media=(_TEXT,),
)
def get_workflow_step_attachment(
    access: UserAccess, workflow_step_id: int, query: WhichStepAttachment
) -> Response:
    """Get a result of a step as a file: what its jobs have printed."""
    with looking(access) as (session, viewer):
        found = job_logs.find_step_logs(session, viewer, workflow_step_id)
    if query.attachment_type != "resultFilePath":
        raise NotFound("Workflow step attachment not found")
    answer = Response(_logs(access, found), mimetype=_TEXT)
    named = f"attachment; filename=step_{workflow_step_id}.log"
    answer.headers["Content-Disposition"] = named
    return answer


def _logs(access: UserAccess, log_ids: Sequence[int]) -> Iterator[str]:
    # few at a time, as a step may have many jobs
    for start in range(0, len(log_ids), _AT_ONCE):
        with access.database.session() as session:
            text = job_logs.read_logs(session, log_ids[start : start + _AT_ONCE])
        yield text
