"""Runs the first steps of a workflow on a few small files, from upload to tables."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from sqlalchemy import select

from tests.services.ledger import ListQueue
from tmlib.db import Database
from tmlib.experiments.models import (
    Acquisition,
    Channel,
    ChannelImageFile,
    Cycle,
    Experiment,
    Plate,
    Site,
    Well,
)
from tmlib.ids import decode_id
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage
from tmlib.uploads.receiving import receive
from tmlib.uploads.service import register
from tmlib.workflow import service
from tmlib.workflow.execution import Worker


@dataclass(frozen=True)
class Shown:
    """One plane of one site's image as the tables have it."""

    plate: str
    well: str
    y: int
    x: int
    channel: str
    t: int
    z: int
    cycle: int
    files: tuple[str, ...]
    series: tuple[int, ...]
    planes: tuple[int, ...]


@dataclass
class Conversion:
    """An experiment that takes files and configures their metadata."""

    database: Database
    settings: Settings
    experiment_id: int
    queue: ListQueue
    _acquisitions: dict[tuple[str, str], Acquisition] = field(default_factory=dict)

    def set(self, **columns: Any) -> None:
        """Change the experiment: its microscope type, for example."""
        with self.database.transaction() as session:
            experiment = session.get_one(Experiment, self.experiment_id)
            for name, value in columns.items():
                setattr(experiment, name, value)

    def upload(self, folder: Path, plate: str = "plate", acquisition: str = "first") -> list[str]:
        """Upload what the microscope type takes of a folder; gives the names of the files taken."""
        with self.database.transaction() as session:
            experiment = session.get_one(Experiment, self.experiment_id)
            row = session.scalars(
                select(Plate).where(Plate.experiment_id == experiment.id, Plate.name == plate)
            ).one_or_none()
            if row is None:
                row = Plate(experiment_id=experiment.id, name=plate)
                session.add(row)
                session.flush()
            target = Acquisition(experiment_id=experiment.id, plate_id=row.id, name=acquisition)
            session.add(target)
        names = sorted(path.name for path in folder.iterdir() if path.is_file())
        taken = register(self.database, target, experiment.microscope_type, names)
        for name in taken:
            receive(
                self.database,
                self._storage,
                target.plate_id,
                target.id,
                name,
                [(folder / name).read_bytes()],
                1 << 30,
            )
        return taken

    def run(self, *steps: str, **arguments: Any) -> str:
        """Run metaextract, metaconfig and further steps; gives the jobs' errors."""
        values = [{"name": name, "value": value} for name, value in arguments.items()]
        description = {
            "type": "canonical",
            "stages": [
                {
                    "name": "image_conversion",
                    "steps": [
                        {"name": "metaextract"},
                        {"name": "metaconfig", "batch_args": values},
                        *({"name": name} for name in steps),
                    ],
                }
            ],
        }
        with self.database.session() as session:
            user_id = session.get_one(Experiment, self.experiment_id).user_id
        service.submit(self.database, self.queue, self.experiment_id, user_id, description)
        worker = Worker(self.database, self.queue, self.settings)
        while self.queue.job_ids:
            worker.run(self.queue.job_ids.pop(0))
        with self.database.session() as session:
            jobs = [
                job
                for step in ("metaextract", "metaconfig", *steps)
                for job in service.jobs(session, self.experiment_id, step_name=step)
            ]
        return "\n".join(job["error"] for job in jobs if job["error"])

    def log(self, step: str) -> str:
        """What the run jobs of a step had to say."""
        with self.database.session() as session:
            return "".join(
                service.job_log(session, self.experiment_id, decode_id(job["id"]))["stderr"]
                for job in service.jobs(session, self.experiment_id, step_name=step, phase="run")
            )

    def shown(self) -> list[Shown]:
        """All planes in the order of plate, well, cell, channel, time point and focal plane."""
        query = (
            select(Plate.name, Well.name, Site, Channel.name, Cycle.index, ChannelImageFile)
            .join(Well, Well.plate_id == Plate.id)
            .join(Site, Site.well_id == Well.id)
            .join(ChannelImageFile, ChannelImageFile.site_id == Site.id)
            .join(Channel, Channel.id == ChannelImageFile.channel_id)
            .join(Cycle, Cycle.id == ChannelImageFile.cycle_id)
        )
        with self.database.session() as session:
            found = [
                Shown(
                    plate,
                    well,
                    site.y,
                    site.x,
                    channel,
                    file.tpoint,
                    file.zplane,
                    cycle,
                    *(tuple(file.file_map[key]) for key in ("files", "series", "planes")),
                )
                for plate, well, site, channel, cycle, file in session.execute(query)
            ]
        return sorted(found, key=lambda one: (one.plate, one.well, one.y, one.x, str(one)))

    def cells(self) -> dict[str, tuple[str, int, int]]:
        """Well, row and column by name of the file."""
        return {name: (one.well, one.y, one.x) for one in self.shown() for name in one.files}

    def values(self, column: Any) -> list[Any]:
        """The values of a column in the order of the rows' ids."""
        with self.database.session() as session:
            return list(session.scalars(select(column).order_by(column.class_.id)))

    @property
    def pixel_size(self) -> float | None:
        """Size of a pixel as the tables have it."""
        [size] = self.values(Experiment.pixel_size)
        return size

    @property
    def _storage(self) -> ExperimentStorage:
        return ExperimentStorage(self.settings.data_dir, self.experiment_id)


@pytest.fixture
def conversion(
    database: Database, settings: Settings, experiment: Experiment, queue: ListQueue
) -> Conversion:
    return Conversion(database, settings, experiment.id, queue)


def write_images(folder: Path, names: Any, shape: tuple[int, ...] = (6, 8)) -> None:
    """Write small gray TIFFs, each of other pixels."""
    folder.mkdir(exist_ok=True)
    for i, name in enumerate(names):
        pixels = np.full(shape, i, np.uint16)
        tifffile.imwrite(folder / name, pixels, photometric="minisblack", metadata=None)
