"""What came of processings: attachments, and what only beamlines have."""

from flask import Response
from pydantic import Field

from tmlib.facility import job_logs
from tmlib.facility.job_logs import Log
from tmserver.access import UserAccess
from tmserver.http.paging import Part
from tmserver.http.routing import Routes
from tmserver.ispyb.forms import PREFIX, Model, Number, PageQuery
from tmserver.ispyb.looking import looking
from tmserver.ispyb.processings import AutoProcProgram, WhichProcessings

routes = Routes("Processing")

_LOG = "text/plain"


class AutoProcProgramAttachmentMetaData(Model):
    """Where the file is."""

    url: str


class AutoProcProgramAttachment(Model):
    """What a job has printed."""

    auto_proc_program_attachment_id: int
    auto_proc_program_id: int
    file_name: str
    file_type: str = Field(examples=["Log"])
    importance_rank: int | None = None
    metadata: AutoProcProgramAttachmentMetaData = Field(alias="_metadata")


class WhichProgramAttachments(PageQuery):
    """Asks for attachments of a run."""

    auto_proc_program_id: Number | None = None
    auto_proc_program_attachment_id: Number | None = None


class AutoProcIntegration(Model):
    """How well diffraction was integrated."""

    refined_x_beam: float | None = Field(alias="refinedXBeam")
    refined_y_beam: float | None = Field(alias="refinedYBeam")


class AutoIntegration(AutoProcProgram):
    """A run that has integrated diffraction images."""

    auto_proc_integration: list[AutoProcIntegration] = Field(alias="AutoProcIntegration")


class Screening(Model):
    """What a strategy for diffraction was made from."""

    screening_id: int
    data_collection_id: int | None
    comments: str | None


@routes.get("/processings/attachments", permits="user")
def get_processing_attachments(
    access: UserAccess, query: WhichProgramAttachments
) -> Part[AutoProcProgramAttachment]:
    """List what the jobs of runs have printed."""
    with looking(access) as (session, viewer):
        found = job_logs.list_logs(
            session,
            viewer,
            query.window,
            processing_id=query.auto_proc_program_id,
            log_id=query.auto_proc_program_attachment_id,
        )
    return Part([_attachment(one) for one in found.rows], found.total)


@routes.get(
    "/processings/attachments/<attachment_id>", permits="user", raises=(404,), media=(_LOG,)
)
def get_processing_attachment(access: UserAccess, attachment_id: int) -> Response:
    """Get what a job has printed."""
    with looking(access) as (session, viewer):
        log, text = job_logs.read_log(session, viewer, attachment_id)
    response = Response(text, mimetype=_LOG)
    response.headers.set("Content-Disposition", "attachment", filename=log.file_name)
    return response


@routes.get("/processings/auto-integrations", permits="user")
def get_auto_integrations(access: UserAccess, query: WhichProcessings) -> Part[AutoIntegration]:
    """List integrations of diffraction images, of which microscopes make none."""
    return Part([], 0)


@routes.get("/processings/screenings", permits="user")
def get_screenings(access: UserAccess, query: WhichProcessings) -> Part[Screening]:
    """List what strategies for diffraction were made from, of which microscopes make none."""
    return Part([], 0)


def _attachment(one: Log) -> AutoProcProgramAttachment:
    return AutoProcProgramAttachment(
        auto_proc_program_attachment_id=one.id,
        auto_proc_program_id=one.processing_id,
        file_name=one.file_name,
        file_type="Log",
        metadata=AutoProcProgramAttachmentMetaData(
            url=f"{PREFIX}/processings/attachments/{one.id}"
        ),
    )
