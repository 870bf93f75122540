"""Trying a pipeline out on single sites, as the original viewer does it.

Its answers stand for themselves and are not under the key ``data``.
"""

from typing import Annotated, Any

from flask import Response
from pydantic import Field

from tmlib.workflow import preview_jobs
from tmserver.access import ExperimentAccess
from tmserver.api.jtui import PREFIX, ProjectText, Success, read_project_text
from tmserver.http.routing import PROJECT_BODY, Routes
from tmserver.http.schemas import Bare, Index, Schema, Text
from tmserver.scopes import EXPERIMENT

routes = Routes("jtui", scope=EXPERIMENT, prefix=PREFIX)


class PreviewRequest(ProjectText):
    """Sites by their numbers in the list of sites, and the project to run on them."""

    job_ids: Annotated[list[Index], Field(min_length=1, max_length=100, examples=[[0]])]


class PreviewSubmission(Bare):
    """The number of the submission that was made."""

    submission_id: int


class PreviewStatus(Bare):
    """How the latest preview stands, as the status of a workflow; empty if there was none."""

    status: dict[str, Any] = Field(examples=[{"state": "RUNNING", "percent_done": 50.0}])


class PreviewOutput(Schema):
    """What a job of the latest preview has written; ``id`` is the number of the site."""

    id: int
    submission_id: int
    name: str = Field(examples=["jtui_000000"])
    stdout: str
    stderr: str
    failed: bool


class PreviewOutputs(Bare):
    """What all jobs of the latest preview have written."""

    output: list[PreviewOutput]


class FigureQuery(Schema):
    """Which figure: of what module, and the number of the site."""

    module_name: Text = Field(examples=["smooth"])
    job_id: Index


@routes.post("/jobs/run", permits="write", is_event=False, max_bytes=PROJECT_BODY)
def run_jobs(access: ExperimentAccess, body: PreviewRequest) -> PreviewSubmission:
    """Run a project on the first time point of some sites, with its figures.

    No objects are stored, and the project is not.
    """
    submission_id = preview_jobs.submit(
        access.database,
        access.services.queue,
        access.settings,
        experiment_id=access.experiment_id,
        user_id=access.user.id,
        project=read_project_text(access, body.project),
        indices=body.job_ids,
    )
    return PreviewSubmission(submission_id=submission_id)


@routes.post("/jobs/status", permits="write", is_event=False)
def get_jobs_status(access: ExperimentAccess) -> PreviewStatus:
    """Get how your latest preview stands."""
    with access.database.session() as session:
        found = preview_jobs.status(session, access.experiment_id, access.user.id)
    return PreviewStatus(status=found or {})


@routes.post("/jobs/output", permits="write", is_event=False)
def get_jobs_output(access: ExperimentAccess) -> PreviewOutputs:
    """Get what the jobs of your latest preview have written, as far as they have ended."""
    with access.database.session() as session:
        jobs = preview_jobs.jobs(session, access.experiment_id, access.user.id)
    return PreviewOutputs(
        output=[
            PreviewOutput(
                id=job.batch["index"],
                submission_id=job.submission_id,
                name=job.name,
                stdout=job.stdout,
                stderr=job.stderr or job.error or "",
                failed=job.exitcode not in (0, None),
            )
            for job in jobs
            if job.exitcode is not None
        ]
    )


@routes.post("/jobs/kill", permits="write", is_event=False)
def kill_jobs(access: ExperimentAccess) -> Success:
    """End your latest preview."""
    preview_jobs.kill(access.database, access.experiment_id, access.user.id)
    return Success()


@routes.get("/figure", permits="read")
def get_figure(access: ExperimentAccess, query: FigureQuery) -> Response:
    """Get the figure of a module, for Plotly, from your latest preview of a site."""
    text = preview_jobs.figure(
        access.storage, access.user.id, query.job_id, query.module_name.removesuffix(".py")
    )
    return Response(text, mimetype="application/json")
