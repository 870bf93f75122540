"""What belongs to data collections: files that came with images, and steps of workflows."""

from pathlib import PurePosixPath

from flask import Response, send_file
from pydantic import Field

from tmlib.errors import NotFound
from tmlib.facility import acquisitions, jobs
from tmlib.facility.acquisitions import CollectionFilter
from tmlib.storage import ExperimentStorage
from tmserver.access import UserAccess
from tmserver.http.paging import Part
from tmserver.http.routing import Routes
from tmserver.ispyb.forms import PREFIX, Model, Number, PageQuery
from tmserver.ispyb.looking import looking

routes = Routes("Data Collections")


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
    "/datacollections/attachments/<attachment_id>", permits="user", raises=(404,), media=("*/*",)
)
def get_datacollection_attachment(access: UserAccess, attachment_id: int) -> Response:
    """Get such a file."""
    with looking(access) as (session, viewer):
        found = acquisitions.get_attachment(session, viewer, attachment_id)
    storage = ExperimentStorage(access.settings.data_dir, found.experiment_id)
    path = storage.microscope_metadata(found.plate_id, found.collection_id) / found.name
    if not path.is_file():
        raise NotFound("Data collection attachment not found")
    name = PurePosixPath(found.name).name
    return send_file(path, "application/octet-stream", as_attachment=True, download_name=name)


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
    return Part(
        [
            WorkflowStep(
                workflow_id=one.processing_id,
                workflow_step_id=one.id,
                workflow_step_type=one.name,
                status=one.status,
                metadata=WorkflowStepMetaData(attachments=WorkflowStepAttachments()),
            )
            for one in found.rows
        ],
        found.total,
    )
