"""Recording a million objects, against bare COPY, and deleting them while somebody else writes."""

import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from benchmarks.timing import print_header, print_row, readable
from tmlib import schema
from tmlib.accounts.models import User
from tmlib.db import Database
from tmlib.db.counters import allocate
from tmlib.experiments import deletion as experiments
from tmlib.experiments.service import create_experiment, update_experiment
from tmlib.objects import deletion as objects
from tmlib.objects.mapobject_types import delete_type, ensure_layer, ensure_mapobject_type
from tmlib.objects.writing.recording import insert_objects
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage
from tmlib.workflow import deletion

_N_OBJECTS = 1_000_000
_N_PER_SITE = 10_000
_FOREVER = 3600.0
_COLUMNS = {
    "mapobjects": "id, mapobject_type_id, ref_id",
    "mapobject_segmentations": "id, mapobject_id, segmentation_layer_id, label, is_border, "
    "centroid_y, centroid_x, outline",
}


def main() -> None:
    """Print seconds of wall time, since most of the work is done by the server."""
    for name, served in (("PostgreSQL", _postgresql), ("SQLite", _sqlite)):
        with served() as (database, data_dir):
            _Objects(database, data_dir).measure(name)


class _Objects:
    def __init__(self, database: Database, data_dir: Path) -> None:
        self.database = database
        self.settings = Settings(data_dir=data_dir)
        with database.transaction() as session:
            session.add(User(name="ada", email="ada@lab.example", password_hash="-"))  # noqa: S106 - nobody logs in
        self.other_id = self._experiment("other")

    def measure(self, name: str) -> None:
        """Fill two experiments; delete one, and the objects of a type of the other."""
        print_header([f"{_N_OBJECTS:,} objects on {name}", "time", "longest wait of others"])
        first_id, copy_id = self._experiment("first"), self._experiment("copy")
        began = time.monotonic()
        type_id = self._fill(first_id)
        self._print("recorded", began, "-")
        if self.database.is_sqlite:
            self._fill(copy_id)
        else:
            self._print("bare COPY of the same rows", self._copy(first_id, copy_id), "-")
        with self._writing() as longest:
            began = time.monotonic()
            deletion.delete_experiment(self.database, self.settings, copy_id)
            self._print("experiment deleted: answered", began, longest())
            experiments.finish(self.database, self.settings.data_dir, _FOREVER)
            self._print("experiment deleted: nothing left", began, longest())
        with self._writing() as longest:
            began = time.monotonic()
            storage = ExperimentStorage(self.settings.data_dir, first_id)
            with self.database.transaction() as session:
                delete_type(session, storage, type_id)
            self._print("type deleted: seen by nobody", began, longest())
            objects.finish(self.database, _FOREVER)
            self._print("type deleted: nothing left", began, longest())

    def _print(self, what: str, began: float, longest: str) -> None:
        print_row([what, readable(time.monotonic() - began), longest])

    def _experiment(self, name: str) -> int:
        with self.database.transaction() as session:
            return create_experiment(
                session, 1, name=name, microscope_type="cellvoyager", plate_format=96
            ).id

    def _fill(self, experiment_id: int) -> int:
        with self.database.transaction() as session:
            type_id = ensure_mapobject_type(session, experiment_id, "Cells", "Site")
            layer_id = ensure_layer(session, type_id, 0, 0, as_polygons=True)
        for site in range(_N_OBJECTS // _N_PER_SITE):
            outlines, centroids = _cells(site)
            ids = allocate(self.database, _N_PER_SITE, "mapobjects", "mapobject_segmentations")
            with self.database.transaction() as session:
                insert_objects(
                    session,
                    experiment_id=experiment_id,
                    mapobject_type_id=type_id,
                    layer_id=layer_id,
                    ref_ids=[site] * _N_PER_SITE,
                    mapobject_ids=ids[0],
                    segmentation_ids=ids[1],
                    labels=list(range(1, _N_PER_SITE + 1)),
                    is_border=[False] * _N_PER_SITE,
                    centroids=centroids,
                    geometries=outlines,
                )
        return type_id

    def _copy(self, experiment_id: int, target: int) -> float:
        """Copy rows that are text already, with the same transactions; when that began."""
        connection: Any = self.database.engine.raw_connection()
        cursor = connection.cursor()
        portions = []
        for first in range(0, _N_OBJECTS, _N_PER_SITE):
            for table, columns in _COLUMNS.items():
                content = io.StringIO()
                cursor.copy_expert(
                    f"COPY (SELECT {target}, {columns} FROM {table}_{experiment_id} "  # noqa: S608 - all of it our own
                    f"ORDER BY id LIMIT {_N_PER_SITE} OFFSET {first}) TO STDOUT",
                    content,
                )
                portions.append((table, columns, content))
        connection.rollback()
        began = time.monotonic()
        for table, columns, content in portions:
            content.seek(0)
            cursor.copy_expert(f"COPY {table} (experiment_id, {columns}) FROM STDIN", content)
            if table == "mapobject_segmentations":
                connection.commit()
        connection.close()
        return began

    @contextmanager
    def _writing(self) -> Iterator[Callable[[], str]]:
        """Somebody who changes another experiment all the time; tells the longest change so far."""
        waits = [0.0]
        over = threading.Event()

        def write() -> None:
            while not over.wait(0.02):
                began = time.monotonic()
                with self.database.transaction() as session:
                    update_experiment(session, self.other_id, description=str(began))
                waits.append(time.monotonic() - began)

        thread = threading.Thread(target=write)
        thread.start()
        try:
            yield lambda: readable(max(waits))
        finally:
            over.set()
            thread.join()


def _cells(site: int) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Outlines with 17 vertices each, and their centres (y, x), of one site."""
    random = np.random.default_rng(site)
    centres = random.uniform(0, 20_000, (_N_PER_SITE, 2))
    angles = np.linspace(0, 2 * np.pi, 17)[:-1]
    radii = random.integers(8, 15, (_N_PER_SITE, 1))
    points = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=-1)
    outlines = shapely.polygons(np.round(points + centres[:, np.newaxis]))
    return np.asarray(outlines), centres[:, ::-1].copy()


@contextmanager
def _postgresql() -> Iterator[tuple[Database, Path]]:
    from tests.services import postgresql

    with postgresql.private_server() as server, TemporaryDirectory() as folder:
        postgresql.execute(server.url, "CREATE DATABASE objects")
        url = server.url.set(database="objects").render_as_string(hide_password=False)
        database = Database(url)
        schema.upgrade(database)
        yield database, Path(folder)
        database.close()


@contextmanager
def _sqlite() -> Iterator[tuple[Database, Path]]:
    with TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/tmserver.db")
        schema.upgrade(database)
        yield database, Path(folder)
        database.close()
