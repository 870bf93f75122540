"""Recording the objects of sites in the database, against COPY of the same rows by itself."""

import io
import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import text

from benchmarks.serving import add_site
from benchmarks.timing import print_header, print_row, readable
from tmlib import schema
from tmlib.db import Database
from tmlib.objects.mapobject_types import ensure_mapobject_type
from tmlib.objects.values import feature_files
from tmlib.objects.writing.recording import PreparedSiteObjects, prepare_site_objects, record
from tmlib.storage import ExperimentStorage

Result = TypeVar("Result")

_N_RUNS = 25
_ROWS, _COLUMNS, _SIZE, _N_FEATURES = 20, 25, 2000, 100
_PER_SITE = _ROWS * _COLUMNS
_TABLES = ("mapobjects", "mapobject_segmentations")


def main() -> None:
    """Print how long a site takes, by the clock, and how many objects that makes in a second."""
    from tests.services import postgresql

    print_header([f"a site of {_PER_SITE} objects", "median", "objects/s"])
    with TemporaryDirectory() as folder:
        _measure("SQLite", Database(f"sqlite:///{folder}/tm.db"), Path(folder))
    with (
        suppress(postgresql.PostgresqlMissing),
        postgresql.private_server(keeps_commits=True) as server,
    ):
        postgresql.execute(server.url, "CREATE DATABASE bench")
        address = server.url.set(database="bench").render_as_string(hide_password=False)
        with TemporaryDirectory() as folder:
            _measure("PostgreSQL", Database(address), Path(folder))


def _measure(name: str, database: Database, data_dir: Path) -> None:
    schema.upgrade(database)
    experiment_id, site_id = add_site(database)
    storage = ExperimentStorage(data_dir, experiment_id)
    with database.transaction() as session:
        type_id = ensure_mapobject_type(session, experiment_id, "Cells", "Site")

    def prepare() -> PreparedSiteObjects:
        return prepare_site_objects(
            database,
            storage,
            mapobject_type_id=type_id,
            site_id=site_id,
            site_offset=(0, 0),
            tpoint=0,
            zplane=0,
            labels=_labels(),
            measurements=_measurements(),
        )

    times: dict[str, list[float]] = {"prepared": [], "recorded": [], "COPY": []}
    for _ in range(_N_RUNS):
        prepared, seconds = _timed(prepare)
        times["prepared"].append(seconds)
        outdated, seconds = _timed(lambda: _record(database, prepared))  # noqa: B023 - called at once
        times["recorded"].append(seconds)
        feature_files.remove(outdated)
        if not database.is_sqlite:
            times["COPY"].append(_copy(database))
        with database.transaction() as session:
            session.execute(text("DELETE FROM mapobjects"))
    database.close()
    for what, found in times.items():
        if found:
            median = statistics.median(found)
            print_row([f"{name}, {what}", readable(median), f"{_PER_SITE / median:,.0f}"])


def _record(database: Database, prepared: PreparedSiteObjects) -> list[Path]:
    with database.transaction() as session:
        return record(session, prepared)


def _copy(database: Database) -> float:
    """Seconds that COPY takes for the rows that are there, which are taken out and put back."""
    rows = {table: io.BytesIO() for table in _TABLES}
    with database.transaction() as session:
        cursor: Any = session.connection().connection.cursor()
        for table, buffer in rows.items():
            # a partitioned table gives its rows to a query only
            cursor.copy_expert(f"COPY (SELECT * FROM {table}) TO STDOUT", buffer)  # noqa: S608 - our own names
            buffer.seek(0)
        session.execute(text("DELETE FROM mapobjects"))

    def insert() -> None:
        with database.transaction() as session:
            cursor: Any = session.connection().connection.cursor()
            for table, buffer in rows.items():
                cursor.copy_expert(f"COPY {table} FROM STDIN", buffer)

    return _timed(insert)[1]


def _timed(function: Callable[[], Result]) -> tuple[Result, float]:
    start = time.perf_counter()
    result = function()
    return result, time.perf_counter() - start


def _labels() -> NDArray[np.int32]:
    """Round objects in rows, as far apart as crowded cells are."""
    labels = np.zeros((_SIZE, _SIZE), np.int32)
    y, x = np.mgrid[-30:31, -30:31]
    disc = y**2 + x**2 <= 30**2
    for number in range(_PER_SITE):
        row, column = 80 * (number // _COLUMNS) + 60, 75 * (number % _COLUMNS) + 60
        labels[row - 30 : row + 31, column - 30 : column + 31][disc] = number + 1
    return labels


def _measurements() -> pd.DataFrame:
    values = np.random.default_rng(0).lognormal(size=(_PER_SITE, _N_FEATURES))
    names = [f"feature {number}" for number in range(_N_FEATURES)]
    return pd.DataFrame(values, index=range(1, _PER_SITE + 1), columns=names)
