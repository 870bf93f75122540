"""Runs the workflow of a published dataset again, and compares what comes of it.

Needed are the crate of the dataset, the files of the microscope, the models of its pipeline, and an
empty database and data folder to work in.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tmlib import beneath
from tmlib.accounts.models import User
from tmlib.db import Database
from tmlib.errors import BadInput, TooLarge
from tmlib.experiments import plates
from tmlib.experiments.models import Acquisition, Experiment
from tmlib.experiments.service import create_experiment
from tmlib.jterator.project import Project
from tmlib.ledger import tree
from tmlib.ledger.execution import Worker
from tmlib.ledger.models import Job
from tmlib.portal import published_crate
from tmlib.portal.published_crate import Measured, PublishedCrate, Site
from tmlib.portal.publishing.measurements import measured_at
from tmlib.portal.publishing.site_files import read_about, sites_shown
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage
from tmlib.uploads.digests import ChecksumMismatch, Digest
from tmlib.uploads.models import FileUploadStatus, MicroscopeFile
from tmlib.uploads.receiving import receive
from tmlib.uploads.service import register
from tmlib.workflow import service

_PIECE = 1 << 20


@dataclass(frozen=True)
class WellResult:
    """Whether the numbers of a well are the same as the published ones.

    ``published`` and ``found`` count rows of values, one for each object, time point and plane.
    """

    plate: str
    well: str
    objects: str
    published: int
    found: int
    is_equal: bool


def verify(
    database: Database, settings: Settings, crate: PublishedCrate, files: Sequence[Sequence[Path]]
) -> list[WellResult]:
    """Compute everything again, and compare it.

    Parameters
    ----------
    database, settings
        Of an installation that has nothing yet.
    crate
        What was published.
    files
        From :func:`tmlib.portal.published_crate.find_files`.

    Raises
    ------
    BadInput
        If the workflow does not end well, or a file is another one by now.
    """
    experiment_id, user_id = _enter(database, settings, crate, files)
    _run(database, settings, crate, experiment_id, user_id)
    published_crate.check_folders(crate, files)
    storage = ExperimentStorage(settings.data_dir, experiment_id)
    with database.session() as session:
        places = [read_about(session, site.id) for site in sites_shown(session, experiment_id)]
    names = Project.from_dict(crate.workflow.project).made_types
    found = [
        Site.model_validate({**place, "measured": measured_at(database, storage, place, names)})
        for place in places
    ]
    return list(_compare(crate.sites, found))


def _enter(
    database: Database, settings: Settings, crate: PublishedCrate, files: Sequence[Sequence[Path]]
) -> tuple[int, int]:
    """Make the experiment, and let its files arrive; gives it and the user."""
    known = crate.workflow.experiment.model_dump()
    names = ("microscope_type", "workflow_type", "plate_format", "plate_acquisition_mode")
    with database.transaction() as session:
        user = User(name="verify", email="verify@localhost", password_hash="-")  # noqa: S106 - none
        session.add(user)
        session.flush()
        experiment = create_experiment(
            session, user.id, name="verify", **{name: known.pop(name) for name in names}
        )
        for name, value in known.items():
            setattr(experiment, name, value)
        made = [_acquisition(session, experiment, one) for one in crate.acquisitions]
        project = crate.workflow.project
        service.save_jterator_project(session, experiment.id, project, settings)
        microscope_type = experiment.microscope_type
        experiment_id, user_id = experiment.id, user.id
    storage = ExperimentStorage(settings.data_dir, experiment_id)
    for acquisition, told, paths in zip(made, crate.acquisitions, files, strict=True):
        sent = [file.name for file in told.files]
        register(database, acquisition, microscope_type, sent)
        for file, path in zip(told.files, paths, strict=True):
            _take(database, storage, acquisition, file, path)
    return experiment_id, user_id


def _take(
    database: Database,
    storage: ExperimentStorage,
    acquisition: Acquisition,
    file: published_crate.File,
    path: Path,
) -> None:
    """Let a file arrive, unless it has become another one since it was looked at."""
    found = beneath.open_wherever(path)
    if found.is_folder:
        found.close()
        _link(database, storage, acquisition, file.name, found.path)
        return
    wanted = Digest("sha256", bytes.fromhex(file.sha256))
    place = (acquisition.plate_id, acquisition.id, file.name)
    with found.reader() as content:
        try:
            receive(
                database, storage, *place, _pieces(content), found.status.st_size, digest=wanted
            )
        except (ChecksumMismatch, TooLarge):
            raise published_crate.changed(path) from None


def _link(
    database: Database, storage: ExperimentStorage, acquisition: Acquisition, name: str, path: Path
) -> None:
    """Let an OME-Zarr, which is a folder, be where a file would have been received."""
    link = storage.microscope_images(acquisition.plate_id, acquisition.id) / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(path)
    with database.transaction() as session:
        session.execute(
            update(MicroscopeFile)
            .where(MicroscopeFile.acquisition_id == acquisition.id, MicroscopeFile.name == name)
            .values(status=FileUploadStatus.COMPLETE)
        )


def _acquisition(
    session: Session, experiment: Experiment, told: published_crate.Acquisition
) -> Acquisition:
    known = {plate.name: plate for plate in experiment.plates}
    plate = known.get(told.plate)
    if plate is None:
        plate = plates.create_plate(session, experiment.id, told.plate)
        session.refresh(experiment, ["plates"])
    return plates.create_acquisition(session, experiment.id, plate.id, told.acquisition)


def _pieces(file: BufferedReader) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece


@dataclass
class _Waiting:
    """The jobs that are to be done, by this process alone."""

    job_ids: list[int] = field(default_factory=list)

    def enqueue(self, job_ids: Sequence[int], *, interactive: bool = False) -> None:
        self.job_ids += job_ids

    def depth(self, *, interactive: bool = False) -> int:
        return len(self.job_ids)


def _run(
    database: Database, settings: Settings, crate: PublishedCrate, experiment_id: int, user_id: int
) -> None:
    waiting = _Waiting()
    description = crate.workflow.description
    submission_id = service.submit(
        database, waiting, experiment_id, user_id, description, force=True, settings=settings
    )
    worker = Worker(database, waiting, settings)
    while waiting.job_ids:
        worker.run(waiting.job_ids.pop(0))
    with database.session() as session:
        exitcode = tree.root(session, submission_id).exitcode
        error = session.scalars(select(Job.error).where(Job.exitcode != 0).limit(1)).first()
    if exitcode != 0:
        raise BadInput(f"The workflow of the crate fails here: {error or 'jobs are left.'}")


def _compare(published: Sequence[Site], found: Sequence[Site]) -> Iterator[WellResult]:
    """Well by well, and type by type, in the order of their names."""
    wells = _by_well(published), _by_well(found)
    for key in sorted({*wells[0], *wells[1]}):
        before, after = (one.get(key, {}) for one in wells)
        counts = [sum(site.objects for site in one.values()) for one in (before, after)]
        yield WellResult(*key, counts[0], counts[1], before == after)


def _by_well(
    sites: Sequence[Site],
) -> Mapping[tuple[str, str, str], dict[tuple[int, int], Measured]]:
    """What was measured at the sites of each well, by plate, well and type of objects."""
    found: dict[tuple[str, str, str], dict[tuple[int, int], Measured]] = {}
    for site in sites:
        for name, measured in site.measured.items():
            wells = found.setdefault((site.plate, site.well, name), {})
            wells[site.well_pos_y, site.well_pos_x] = measured
    return found
