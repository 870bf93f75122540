"""Trying a pipeline out on a few sites: jobs that store no objects, only figures.

Everybody has one preview in an experiment, the latest: its project is not the experiment's, its
jobs are numbered as the sites are, and its figures lie in a folder of its own.
"""

import copy
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.db import Database
from tmlib.errors import BadInput, NotFound
from tmlib.experiments.models import Site
from tmlib.experiments.ownership import owner
from tmlib.jterator.project import Project
from tmlib.jterator.runner import run_pipeline
from tmlib.jterator.user_modules.sandbox import Sandbox, check_allowed
from tmlib.ledger import interactive, programs, submissions
from tmlib.ledger.models import Job, Submission
from tmlib.ledger.programs import Assignment, JobContext, Part, Program, logger
from tmlib.ledger.queue import Queue
from tmlib.objects.mapobject_types import STATIC_TYPES
from tmlib.objects.models import MapobjectType
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage
from tmlib.workflow.preview_results import Recorder, read_figure, read_picture, read_results
from tmlib.workflow.status import submission_status
from tmlib.workflow.steps.base import StepContext
from tmlib.workflow.steps.channels import read_channels
from tmlib.workflow.steps.imaged_planes import ImagedPlanes
from tmlib.workflow.steps.jterator import read_site_images, read_stored_objects
from tmlib.workflow.steps.plate_map import read_plate_map
from tmlib.workflow.steps.site_images import SiteImages

PROGRAM = "jtui"

_TPOINT = 0


def check(
    session: Session, experiment_id: int, description: dict[str, Any], settings: Settings
) -> Project:
    """A project that can run on the images of an experiment.

    Raises
    ------
    BadInput
        If it cannot.
    Forbidden
        If it brings modules and the settings forbid that.
    """
    project = Project.from_dict(description)
    check_allowed(project.sources, settings)
    channels = [channel.name for channel in read_channels(session, experiment_id)]
    types = session.scalars(
        select(MapobjectType.name).where(MapobjectType.experiment_id == experiment_id)
    )
    project.check(channels, set(types) - STATIC_TYPES.keys())
    return project


def submit(
    database: Database,
    queue: Queue,
    settings: Settings,
    *,
    experiment_id: int,
    user_id: int,
    project: dict[str, Any],
    indices: Sequence[int],
) -> int:
    """Run a project on sites, which are named by their places in the order of ids.

    Returns
    -------
    int
        Number of the submission.

    Raises
    ------
    BadInput
        If the project cannot run, or there is no such site or no image of it.
    """
    with database.session() as session:
        parsed = check(session, experiment_id, project, settings)
        site_ids = _site_ids(session, experiment_id)
        names = [channel.name for channel in parsed.pipeline.input.channels]
        for index in indices:
            if not 0 <= index < len(site_ids):
                raise BadInput(f"There is no site {index}: there are {len(site_ids)}, from 0.")
            imaged = ImagedPlanes(session, experiment_id, [site_ids[index]], names)
            if lacking := imaged.lacking(site_ids[index], _TPOINT):
                raise BadInput(f"Site {index} lacks images {lacking}: choose another site.")
    return interactive.submit(
        database,
        queue,
        owner(experiment_id),
        user_id,
        program=PROGRAM,
        job_type="PreviewJob",
        description={"project": project, "user_id": user_id},
        jobs={
            f"{PROGRAM}_{index:06d}": {"index": index, "site_id": site_ids[index]}
            for index in sorted(set(indices))
        },
    )


def _site_ids(session: Session, experiment_id: int) -> list[int]:
    query = select(Site.id).where(Site.experiment_id == experiment_id).order_by(Site.id)
    return list(session.scalars(query))


class Preview(Program):
    """Tries projects out."""

    name: ClassVar[str] = PROGRAM

    def run(self, job_context: JobContext, job: Assignment) -> Sequence[Part]:
        """Run the project on the first time point of a site, with all figures."""
        context = StepContext.of(job_context)
        project = _with_figures(job.description["project"])
        with context.database.session() as session:
            images = SiteImages(session, context.storage)
            plate_map = read_plate_map(session, context.experiment_id)
        site = next((one for one in plate_map.sites if one.id == job.batch["site_id"]), None)
        if site is None:
            raise NotFound("The site was deleted meanwhile: list the sites again.")
        folder = _folder(context.storage, job.description["user_id"], job.batch["index"])
        stacks = read_site_images(images, project, site, _TPOINT)
        recorder = Recorder(folder, job.submission_id, stacks)
        found = run_pipeline(
            project,
            stacks,
            objects=read_stored_objects(context, project, site, _TPOINT),
            previous={},
            save_figure=recorder.save_figure,
            sandbox=Sandbox.of(context.settings),
            models_dir=context.settings.resolved_models_dir,
            observer=recorder,
        )
        for objects in found.values():
            n_objects, n_features = objects.measurements.shape
            logger.info("%d %s with %d features", n_objects, objects.name, n_features)
        return ()


def _with_figures(description: dict[str, Any]) -> Project:
    """The project with the figures of all its modules switched on."""
    description = copy.deepcopy(description)
    project = Project.from_dict(description)
    for step in project.pipeline.pipeline:
        shipped = project.module(step.module).handles
        handles = description["handles"][step.name]
        for side, kind, value in (("input", "Plot", {"value": True}), ("output", "Figure", {})):
            names = {one["name"] for one in shipped.get(side) or [] if one["type"] == kind}
            others = [one for one in handles.get(side) or [] if one["name"] not in names]
            added = [{"name": name, "type": kind, **value} for name in sorted(names)]
            handles[side] = others + added
    return Project.from_dict(description)


def _folder(storage: ExperimentStorage, user_id: int, index: int) -> Path:
    return storage.root / "previews" / f"user_{user_id}" / f"job_{index}"


def figure(storage: ExperimentStorage, user_id: int, index: int, module_name: str) -> str:
    """The figure (Plotly JSON) of a module in somebody's latest preview of a site.

    Raises
    ------
    NotFound
        If there is none.
    """
    found = read_figure(_folder(storage, user_id, index), module_name)
    if found is None:
        raise NotFound(
            f'There is no figure of module "{module_name}" for site {index}: run it first.'
        )
    return found


def results(storage: ExperimentStorage, user_id: int, index: int) -> dict[str, Any] | None:
    """What the modules have made so far in somebody's latest preview of a site; None at first."""
    return read_results(_folder(storage, user_id, index))


def picture(
    storage: ExperimentStorage, user_id: int, index: int, submission_id: int, number: int
) -> bytes:
    """A picture (PNG) of what a module has made, by its number in the results.

    Raises
    ------
    NotFound
        If there is none, or the results are no longer those of the submission.
    """
    return read_picture(_folder(storage, user_id, index), submission_id, number)


def nearest_site(session: Session, experiment_id: int, y: float, x: float) -> int:
    """The site that lies at a place of the map, or else the closest, by its number.

    Raises
    ------
    BadInput
        If there are no sites.
    """
    boxes = {site.id: site.box for site in read_plate_map(session, experiment_id).sites}

    def distance(site_id: int) -> float:
        box = boxes[site_id]
        return math.hypot(
            max(box.y - y, 0, y - box.y - box.height), max(box.x - x, 0, x - box.x - box.width)
        )

    return _site_ids(session, experiment_id).index(min(boxes, key=distance))


def status(session: Session, experiment_id: int, user_id: int) -> dict[str, Any] | None:
    """The status of somebody's latest preview, in the form of a workflow's; None without one."""
    latest = _latest(session, experiment_id, user_id)
    return None if latest is None else submission_status(session, latest.id)


def jobs(session: Session, experiment_id: int, user_id: int) -> list[Job]:
    """Jobs of somebody's latest preview in the order of their sites."""
    latest = _latest(session, experiment_id, user_id)
    if latest is None:
        return []
    query = select(Job).where(Job.submission_id == latest.id).order_by(Job.index)
    return list(session.scalars(query))


def kill(database: Database, experiment_id: int, user_id: int) -> None:
    """End somebody's latest preview, if there is one."""
    with database.transaction() as session:
        latest = _latest(session, experiment_id, user_id)
        if latest is not None:
            submissions.kill(session, latest.id)


def _latest(session: Session, experiment_id: int, user_id: int) -> Submission | None:
    by_user = Submission.user_id == user_id
    return submissions.latest(session, owner(experiment_id), PROGRAM, by_user)


programs.register(Preview())
