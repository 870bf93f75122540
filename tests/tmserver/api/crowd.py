"""An experiment with objects on two plates at two time points, and the table that they make."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from flask import Flask
from sqlalchemy import select

from tests.services.ledger import ListQueue
from tests.tmserver.conftest import Person
from tmlib.db import Database
from tmlib.experiments.models import Experiment, Plate, Site, Well
from tmlib.ids import encode_id
from tmlib.ledger.execution import Worker
from tmlib.objects.mapobject_types import ensure_mapobject_type
from tmlib.objects.models import Mapobject
from tmlib.objects.values.compaction import compact
from tmlib.objects.writing.recording import prepare_site_objects, record
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage

HEIGHT, WIDTH = 60, 80
PER_SITE = 6
PLACES = (
    ("Plate 1", "A01", 0),
    ("Plate 1", "A01", 1),
    ("Plate 1", "B02", 0),
    ("Plate 2", "B02", 0),
    ("Plate 2", "B02", 1),
)
TPOINTS = 2


@dataclass
class Crowd:
    """Objects of type ``Cells``, as they are stored and as a data frame of the same order."""

    owner: Person
    experiment: str
    path: str
    type_id: int
    storage: ExperimentStorage
    database: Database
    frame: pd.DataFrame
    run_tools: Callable[[], None]
    places: list[dict[str, Any]]

    def record(self, place: int, tpoint: int, n_objects: int) -> None:
        """Find so many objects at a site, in place of those that it has."""
        random = np.random.default_rng(place)
        _record(
            self.database, self.storage, self.type_id, self.places[place], tpoint, random, n_objects
        )

    def ask(self, tool_name: str, **payload: Any) -> str:
        """Let a tool work; gives the name of the result."""
        payload = {"chosen_object_type": "Cells"} | payload
        submission_id = self.owner.post(
            f"{self.experiment}/tools/request", tool_name=tool_name, payload=payload
        )["submission_id"]
        self.run_tools()
        return f"{tool_name}-{submission_id}"

    def heatmap(self) -> str:
        return self.ask("Heatmap", selected_feature="Area")

    def clustering(self) -> str:
        return self.ask(
            "Clustering", selected_features=["Area"], options={"method": "kmeans", "k": 3}
        )

    def compact(self) -> None:
        compact(self.database, self.storage, self.type_id)


@pytest.fixture
def crowd(
    owner: Person,
    app: Flask,
    database: Database,
    settings: Settings,
    experiment: str,
    experiment_id: int,
) -> Crowd:
    storage = ExperimentStorage(settings.data_dir, experiment_id)
    places = _layout(database, experiment_id)
    with database.transaction() as session:
        type_id = ensure_mapobject_type(session, experiment_id, "Cells", "Site")
    random = np.random.default_rng(0)
    for tpoint in range(TPOINTS):
        for place in places:
            _record(database, storage, type_id, place, tpoint, random)

    def run_tools() -> None:
        queue = app.extensions["tmserver"].queue
        worker = Worker(database, ListQueue(), settings)
        while queue.job_ids:
            worker.run(queue.job_ids.pop(0))

    frame = pd.DataFrame(_rows(database, type_id, places))
    path = f"{experiment}/mapobject_types/{encode_id(type_id)}"
    return Crowd(owner, experiment, path, type_id, storage, database, frame, run_tools, places)


def _layout(database: Database, experiment_id: int) -> list[dict[str, Any]]:
    places: list[dict[str, Any]] = []
    owner = {"experiment_id": experiment_id}
    with database.transaction() as session:
        found = session.get_one(Experiment, experiment_id)
        found.map_height, found.map_width, found.map_levels = HEIGHT, WIDTH * len(PLACES), 3
        plates: dict[str, Plate] = {}
        wells: dict[tuple[str, str], Well] = {}
        for plate_name, well_name, x in PLACES:
            plate = plates.setdefault(plate_name, Plate(**owner, name=plate_name))
            well = wells.setdefault((plate_name, well_name), Well(**owner, name=well_name))
            site = Site(**owner, y=0, x=x, field=x, height=HEIGHT, width=WIDTH)
            plate.wells += [] if well in plate.wells else [well]
            well.sites.append(site)
            session.add(plate)
            session.flush()
            names = {"plate_name": plate_name, "well_name": well_name}
            position = {"well_pos_y": 0, "well_pos_x": x}
            places.append({"site_id": site.id, **names, **position, "at": len(places)})
    return places


def _record(
    database: Database,
    storage: ExperimentStorage,
    type_id: int,
    place: dict[str, Any],
    tpoint: int,
    random: np.random.Generator,
    n_objects: int = PER_SITE,
) -> None:
    labels = np.zeros((HEIGHT, WIDTH), np.int32)
    for number in range(n_objects):
        labels[5 : 15 + number, 12 * number : 12 * number + 8] = number + 1
    values = pd.DataFrame(
        {
            # equal values of different objects, and some that are missing
            "Area": np.round(random.normal(50, 20, n_objects), 0),
            "Intensity, mean": np.where(
                random.random(n_objects) < 0.2, np.nan, random.random(n_objects)
            ),
        },
        index=range(1, n_objects + 1),
    )
    prepared = prepare_site_objects(
        database,
        storage,
        mapobject_type_id=type_id,
        site_id=place["site_id"],
        site_offset=(0, place["at"] * WIDTH),
        tpoint=tpoint,
        zplane=0,
        labels=labels,
        measurements=values,
    )
    with database.transaction() as session:
        record(session, prepared)
    place.setdefault("values", []).append((prepared.mapobject_ids.tolist(), values))


def _rows(database: Database, type_id: int, places: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for tpoint in range(TPOINTS):
        for place in places:
            ids, values = place["values"][tpoint]
            names = ("plate_name", "well_name", "well_pos_y", "well_pos_x")
            where = {name: place[name] for name in names} | {"tpoint": tpoint, "zplane": 0}
            for label, mapobject_id in enumerate(ids, start=1):
                outline = {
                    "is_border": label == 1,
                    "centroid_y": 5 + (10 + label - 1) / 2,
                    "centroid_x": place["at"] * WIDTH + 12 * (label - 1) + 4,
                }
                measured = values.loc[label].to_dict()
                rows.append(
                    {"mapobject_id": mapobject_id, "label": label, **where, **outline, **measured}
                )
    with database.session() as session:
        stored = session.scalars(
            select(Mapobject.id).where(Mapobject.mapobject_type_id == type_id)
        ).all()
    assert sorted(stored) == sorted({row["mapobject_id"] for row in rows})
    return rows
