"""A small experiment to record objects in: one plate, two wells, two sites each."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from tests.services.experiments import add_experiment
from tmlib.db import Database
from tmlib.experiments.models import Plate, Site, Well
from tmlib.objects.mapobject_types import ensure_mapobject_type
from tmlib.objects.values import feature_files
from tmlib.objects.writing.recording import prepare_site_objects, record
from tmlib.storage import ExperimentStorage

HEIGHT, WIDTH = 200, 300
MAP_LEVELS = 4


@dataclass
class Laboratory:
    """An experiment with 2 x 2 sites of HEIGHT x WIDTH pixels on its map, and ways to fill it."""

    database: Database
    storage: ExperimentStorage
    site_ids: list[int]
    types: dict[str, int] = field(default_factory=dict)

    @property
    def experiment_id(self) -> int:
        return self.storage.experiment_id

    def type_id(self, name: str = "Cells") -> int:
        if name not in self.types:
            with self.database.transaction() as session:
                self.types[name] = ensure_mapobject_type(session, self.experiment_id, name, "Site")
        return self.types[name]

    def offset(self, site: int) -> tuple[int, int]:
        return (site // 2 * HEIGHT, site % 2 * WIDTH)

    def record(
        self,
        site: int,
        labels: NDArray[np.int32],
        measurements: pd.DataFrame | None = None,
        *,
        name: str = "Cells",
        tpoint: int = 0,
        zplane: int = 0,
        as_polygons: bool = True,
    ) -> None:
        """What a job of step jterator does for one site (0 to 3) and type."""
        prepared = prepare_site_objects(
            self.database,
            self.storage,
            mapobject_type_id=self.type_id(name),
            site_id=self.site_ids[site],
            site_offset=self.offset(site),
            tpoint=tpoint,
            zplane=zplane,
            labels=labels,
            measurements=measure(labels) if measurements is None else measurements,
            as_polygons=as_polygons,
        )
        with self.database.transaction() as session:
            outdated = record(session, prepared)
        feature_files.remove(outdated)

    def files(self) -> list[Path]:
        return sorted((self.storage.root / "features").glob("*/*"))


def label_image(*boxes: tuple[int, int, int, int]) -> NDArray[np.int32]:
    """A site with rectangular objects (y, x, height, width), numbered from 1."""
    labels = np.zeros((HEIGHT, WIDTH), dtype=np.int32)
    for number, (y, x, height, width) in enumerate(boxes, start=1):
        labels[y : y + height, x : x + width] = number
    return labels


def crowd(seed: int, n: int = 40) -> NDArray[np.int32]:
    """A site with many round objects, some of them cut by the border or split in two."""
    random = np.random.default_rng(seed)
    labels = np.zeros((HEIGHT, WIDTH), dtype=np.int32)
    rows, columns = np.ogrid[:HEIGHT, :WIDTH]
    for number in range(1, n + 1):
        y, x, radius = random.integers(0, HEIGHT), random.integers(0, WIDTH), random.integers(3, 15)
        labels[(rows - y) ** 2 + (columns - x) ** 2 <= radius**2] = number
    return labels


def measure(labels: NDArray[np.int32]) -> pd.DataFrame:
    numbers, areas = np.unique(labels[labels > 0], return_counts=True)
    return pd.DataFrame(
        {"Morphology_area": areas.astype(float), "Intensity_mean_DNA": numbers / 7}, index=numbers
    )


@pytest.fixture
def make_laboratory(tmp_path: Path) -> Callable[[Database], Laboratory]:
    def make(database: Database) -> Laboratory:
        with database.transaction() as session:
            experiment = add_experiment(
                session,
                "fixation",
                map_height=2 * HEIGHT,
                map_width=2 * WIDTH,
                map_levels=MAP_LEVELS,
            )
            plate = Plate(experiment_id=experiment.id, name="plate01")
            session.add(plate)
            session.flush()
            sites = []
            for name in ("B02", "B03"):
                well = Well(experiment_id=experiment.id, plate_id=plate.id, name=name)
                session.add(well)
                session.flush()
                for x in range(2):
                    place: dict[str, Any] = {"y": 0, "x": x, "field": x}
                    size = {"height": HEIGHT, "width": WIDTH}
                    owner = {"experiment_id": experiment.id, "well_id": well.id}
                    sites.append(Site(**owner, **place, **size))
                    session.add(sites[-1])
                    session.flush()
        storage = ExperimentStorage(tmp_path / f"data_{database.engine.name}", experiment.id)
        return Laboratory(database, storage, [site.id for site in sites])

    return make


@pytest.fixture
def laboratory(database: Database, make_laboratory: Callable[[Database], Laboratory]) -> Laboratory:
    return make_laboratory(database)
