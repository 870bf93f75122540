"""Starts publications of experiments, and tells how they stand."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tmlib.db import Database, clock
from tmlib.errors import BadInput, Conflict, NotFound
from tmlib.experiments.models import Acquisition, Experiment
from tmlib.experiments.ownership import lock_experiment, owner
from tmlib.ledger import progress, submissions
from tmlib.ledger.models import PHASE, Job, JobStatus
from tmlib.ledger.programs import Part, PlannedJob
from tmlib.ledger.queue import Queue
from tmlib.portal.publishing.description import PublicationDescription
from tmlib.portal.publishing.models import Publication, StagedPart
from tmlib.portal.publishing.naming import plate_names, run_name, well_run_name
from tmlib.portal.publishing.numbering import allocate
from tmlib.portal.publishing.site_files import sites_shown
from tmlib.portal.publishing.site_objects import read_objects
from tmlib.portal.publishing.state import check_nothing_runs, read_state
from tmlib.portal.publishing.well_maps import check_map
from tmlib.portal.withdrawal import withdrawn
from tmlib.storage import ExperimentStorage
from tmlib.workflow import what_ran
from tmlib.workflow.steps.plate_map import read_plate_map

PROGRAM = "publish"
PARTS, RELEASE = "run", "collect"
SITE, WELL, ACQUISITION = "site", "well", "acquisition"

_ANGSTROMS = 10_000  # in a micrometre


@dataclass(frozen=True)
class PublicationStatus:
    """How a publication stands.

    Attributes
    ----------
    publication
        What was asked for.
    state, percent_done
        Of its jobs.
    error
        Why it failed, if it did.
    is_withdrawn
        Whether it was taken out of the catalogue again.
    """

    publication: Publication
    state: JobStatus
    percent_done: float
    error: str | None
    is_withdrawn: bool


def start(
    database: Database,
    queue: Queue,
    *,
    storage: ExperimentStorage,
    user_id: int,
    description: PublicationDescription,
    address: str,
) -> int:
    """Begin to publish an experiment, as it is now.

    Parameters
    ----------
    database, queue
        Where the jobs are entered, and what carries their ids.
    storage, user_id
        Of what is published, and by whom.
    description
        What is said of it.
    address
        Of the server, without a slash at its end.

    Returns
    -------
    int
        Number of the publication.

    Raises
    ------
    BadInput
        If the experiment has no images, only omitted sites, no such objects or no map that is to be
        published, or nobody says how large pixels are.
    Conflict
        If it is being published already, a workflow is at work on it, or what is stored of the
        latest one is not what ran.
    """
    experiment_id = storage.experiment_id
    with database.session() as session:
        # which takes too long for others to wait for it
        what_ran.check_files(session, storage)
    with database.transaction() as session:
        lock_experiment(session, experiment_id)
        check_nothing_runs(session, experiment_id)
        if submissions.running(session, owner(experiment_id), PROGRAM) is not None:
            raise Conflict("The experiment is being published: wait for its end, or stop it.")
        what_ran.check_is_stored(session, experiment_id)
        _forget_staged(session, experiment_id)
        spacing = _spacing(session, experiment_id, description)
        jobs = [
            *_places(session, experiment_id, spacing, with_maps=description.plate_maps),
            *_acquisitions(session, experiment_id),
        ]
        read_objects(session, experiment_id, description.annotations)
        submission_id, job_ids = submissions.submit(
            session,
            owner(experiment_id),
            user_id,
            program=PROGRAM,
            description={},
            plan=_plan(jobs),
        )
        publication = Publication(
            experiment_id=experiment_id,
            user_id=user_id,
            submission_id=submission_id,
            deposition_id=allocate(session, "Deposition"),
            dataset_id=allocate(session, "Dataset"),
            description=description.model_dump(mode="json"),
            address=address,
            state=read_state(session, experiment_id),
            created_at=clock.read(session),
        )
        session.add(publication)
        session.flush()
        number = publication.id
    queue.enqueue(job_ids)
    return number


def _forget_staged(session: Session, experiment_id: int) -> None:
    """Remove what publications that have ended before have left."""
    earlier = select(Publication.id).where(Publication.experiment_id == experiment_id)
    session.execute(
        delete(StagedPart)
        .where(StagedPart.publication_id.in_(earlier))
        .execution_options(synchronize_session=False)
    )


def _spacing(session: Session, experiment_id: int, description: PublicationDescription) -> float:
    pixel_size = session.get_one(Experiment, experiment_id).pixel_size
    if pixel_size is not None:
        return round(pixel_size * _ANGSTROMS, 3)
    if description.voxel_spacing is None:
        raise BadInput(
            'The size of the experiment\'s pixels is not known: give "voxel_spacing", in angstroms.'
        )
    return description.voxel_spacing


def _places(
    session: Session, experiment_id: int, spacing: float, *, with_maps: bool
) -> list[PlannedJob]:
    """A job for each site that others shall see, and for the map of each well that has some."""
    shown = {site.id for site in sites_shown(session, experiment_id)}
    plate_map = read_plate_map(session, experiment_id)
    if with_maps:
        check_map(session, experiment_id, plate_map)
    names = plate_names((plate.id, plate.name) for plate in plate_map.plates)
    sites, maps = [], []
    for plate in plate_map.plates:
        for well in plate.wells:
            run = well_run_name(names[plate.id], well.name)
            of_well = [
                _place(SITE, site.id, run_name(run, site.y, site.x), spacing)
                for site in well.sites
                if site.id in shown
            ]
            sites += of_well
            if with_maps and of_well:
                maps.append(_place(WELL, well.id, run, spacing))
    return sites + maps


def _place(kind: str, number: int, run: str, spacing: float) -> PlannedJob:
    return PlannedJob({"kind": kind, "number": number, "spacing": spacing, "run": run})


def _acquisitions(session: Session, experiment_id: int) -> list[PlannedJob]:
    """A job for each acquisition, whose files are told apart by their digests."""
    numbers = session.scalars(
        select(Acquisition.id)
        .where(Acquisition.experiment_id == experiment_id)
        .order_by(Acquisition.id)
    )
    return [PlannedJob({"kind": ACQUISITION, "number": number}) for number in numbers]


def _plan(parts: list[PlannedJob]) -> Part:
    phases = [
        Part(
            PHASE,
            "PublicationPhase",
            f"{PROGRAM}_{phase}",
            jobs=jobs,
            step_name=PROGRAM,
            phase=phase,
        )
        for phase, jobs in ((PARTS, parts), (RELEASE, [PlannedJob({})]))
    ]
    return Part("publication", "Publication", PROGRAM, phases)


def list_publications(session: Session, experiment_id: int) -> list[PublicationStatus]:
    """All publications of an experiment, the first one first."""
    query = select(Publication).where(Publication.experiment_id == experiment_id)
    return _statuses(session, session.scalars(query.order_by(Publication.id)).all())


def get_publication(session: Session, experiment_id: int, number: int) -> PublicationStatus:
    """A publication of an experiment.

    Raises
    ------
    NotFound
        If it has none of this number.
    """
    [status] = _statuses(session, [_get(session, experiment_id, number)])
    return status


def stop(session: Session, experiment_id: int, number: int) -> None:
    """End a publication before anybody sees it; nothing happens if it has ended.

    Raises
    ------
    NotFound
        If the experiment has none of this number.
    """
    submissions.kill(session, _get(session, experiment_id, number).submission_id)


def _get(session: Session, experiment_id: int, number: int) -> Publication:
    publication = session.get(Publication, number)
    if publication is None or publication.experiment_id != experiment_id:
        raise NotFound("The experiment has no such publication.")
    return publication


def _statuses(session: Session, found: Sequence[Publication]) -> list[PublicationStatus]:
    gone = withdrawn(session, {one.deposition_id for one in found})
    trees = progress.read(session, [one.submission_id for one in found])
    moment = clock.read(session)
    statuses = []
    for one in found:
        tree = trees[one.submission_id]
        told = tree.progress(tree.root, moment)
        is_withdrawn = one.deposition_id in gone
        error = _error(session, one) if told.failed else None
        statuses.append(
            PublicationStatus(one, told.state, round(100 * told.ratio, 1), error, is_withdrawn)
        )
    return statuses


def _error(session: Session, publication: Publication) -> str | None:
    """Why the first of its jobs that failed has failed."""
    of_it = Job.submission_id == publication.submission_id
    return session.scalars(
        select(Job.error).where(of_it, Job.exitcode != 0).order_by(Job.id).limit(1)
    ).first()
