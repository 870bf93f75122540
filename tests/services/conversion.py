"""Runs the first steps of a workflow on a few small files, from upload to tables."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from sqlalchemy import select

from tests.services.runs import Run
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
from tmlib.microscopes import get
from tmlib.microscopes.base import AcquisitionMetadata
from tmlib.settings import Settings
from tmlib.uploads.receiving import receive
from tmlib.uploads.service import register
from tmlib.workflow import service


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


class Conversion(Run):
    """Somebody who uploads a few small files and has their metadata configured."""

    def set(self, **columns: Any) -> None:
        """Change the experiment: its microscope type, for example."""
        with self.database.transaction() as session:
            experiment = session.get_one(Experiment, self.experiment.id)
            for name, value in columns.items():
                setattr(experiment, name, value)

    def take(self, folder: Path, plate: str = "plate", acquisition: str = "first") -> list[str]:
        """Upload what the microscope type takes of a folder; gives the names of the files taken."""
        with self.database.transaction() as session:
            microscope_type = session.get_one(Experiment, self.experiment.id).microscope_type
            target = Acquisition(
                experiment_id=self.experiment.id,
                plate_id=self._plate(session, plate).id,
                name=acquisition,
            )
            session.add(target)
        names = sorted(path.name for path in folder.iterdir() if path.is_file())
        taken = register(self.database, target, microscope_type, names)
        for name in taken:
            content = [(folder / name).read_bytes()]
            receive(self.database, self.storage, target.plate_id, target.id, name, content, 1 << 30)
        return taken

    def convert(self, *further_steps: str, **arguments: Any) -> str:
        """Run metaextract, metaconfig with these arguments, and further steps; gives the errors."""
        steps = {"metaextract": {}, "metaconfig": arguments} | {step: {} for step in further_steps}
        self.work(self.submit(("image_conversion", steps)))
        with self.database.session() as session:
            jobs = [
                job
                for step in steps
                for job in service.jobs(session, self.experiment.id, step_name=step)
            ]
        return "\n".join(job["error"] for job in jobs if job["error"])

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
        size: float | None
        [size] = self.values(Experiment.pixel_size)
        return size


@pytest.fixture
def conversion(database: Database, experiment: Experiment, settings: Settings) -> Conversion:
    return Conversion(database, experiment, settings)


def write_images(folder: Path, names: Any, shape: tuple[int, ...] = (6, 8)) -> None:
    """Write small gray TIFFs, each of other pixels."""
    folder.mkdir(exist_ok=True)
    for i, name in enumerate(names):
        pixels = np.full(shape, i, np.uint16)
        tifffile.imwrite(folder / name, pixels, photometric="minisblack", metadata=None)


def described(
    microscope_type: str, metadata_files: Sequence[Path], image_names: Iterable[str]
) -> AcquisitionMetadata:
    """What a type of microscope reads from metadata files that describe images."""
    metadata = get(microscope_type).read_metadata(metadata_files, image_names)
    assert metadata is not None
    return metadata
