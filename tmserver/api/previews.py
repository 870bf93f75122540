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
    error: str = Field(
        description="Why it failed, in a sentence; empty if it did not.",
        examples=['Module "smooth" failed: the image has no pixels.'],
    )


class PreviewOutputs(Bare):
    """What all jobs of the latest preview have written."""

    output: list[PreviewOutput]


class GrayValues(Schema):
    """The lowest, mean and highest of values; null where none of them is a number."""

    minimum: float | None
    mean: float | None
    maximum: float | None


class FeatureValues(GrayValues):
    """The values of a feature."""

    name: str = Field(examples=["Intensity_mean_DNA"])


class ModuleOutput(Schema):
    """What a module has put out; what does not apply to its type is null."""

    name: str = Field(examples=["smoothed_image"])
    key: str | None = Field(examples=["smooth.smoothed_image"])
    type: str = Field(examples=["IntensityImage"])
    picture: int | None = Field(None, description="Number of its picture.")
    n_objects: int | None = None
    share: float | None = Field(None, description="Which part of a mask is foreground, 0 to 1.")
    gray_values: GrayValues | None = None
    features: list[FeatureValues] | None = None


class ModuleResult(Schema):
    """What a module has done; ``seconds`` is null while it is at work, and if it failed."""

    name: str = Field(examples=["smooth"])
    seconds: float | None
    has_figure: bool
    outputs: list[ModuleOutput]


class ChannelPicture(Schema):
    """The picture of a channel by its number."""

    name: str = Field(examples=["DNA"])
    picture: int


class PreviewResults(Bare):
    """What the modules of the latest preview have made so far, in the order in which they run.

    Without a ``submission_id`` none has begun.
    """

    submission_id: int | None = None
    channels: list[ChannelPicture] = Field(default_factory=list)
    modules: list[ModuleResult] = Field(default_factory=list)


class ResultsQuery(Schema):
    """The number of the site."""

    job_id: Index


class PictureQuery(ResultsQuery):
    """The number of the site, and of the picture in the results of a submission."""

    submission_id: Index
    picture: Index


class PlaceQuery(Schema):
    """A place of the map in pixels, y downwards."""

    y: Annotated[float, Field(allow_inf_nan=False)]
    x: Annotated[float, Field(allow_inf_nan=False)]


class SiteNumber(Bare):
    """The number of a site in the list of sites."""

    job_id: int


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
                error=job.error or "",
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


@routes.get("/jobs/results", permits="read")
def get_jobs_results(access: ExperimentAccess, query: ResultsQuery) -> PreviewResults:
    """Get what the modules have made in your latest preview of a site, also while it runs."""
    found = preview_jobs.results(access.storage, access.user.id, query.job_id)
    return PreviewResults() if found is None else PreviewResults.model_validate(found)


@routes.get("/jobs/picture", permits="read", raises=(404,), media=("image/png",))
def get_jobs_picture(access: ExperimentAccess, query: PictureQuery) -> Response:
    """Get a picture of what a module has made: gray, or transparent with outlines of objects.

    All pictures of a run have one size, at most 1024 pixels a side.
    """
    content = preview_jobs.picture(
        access.storage, access.user.id, query.job_id, query.submission_id, query.picture
    )
    return Response(content, mimetype="image/png")


@routes.get("/nearest_site", permits="read")
def get_nearest_site(access: ExperimentAccess, query: PlaceQuery) -> SiteNumber:
    """Get the site that lies at a place of the map, or else closest to it."""
    with access.database.session() as session:
        number = preview_jobs.nearest_site(session, access.experiment_id, query.y, query.x)
    return SiteNumber(job_id=number)
