"""Rows of annotation tables: entering, updating and finding them, beside plain SQL for the same."""

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, select, update

from benchmarks.databases import DATABASES, new_database
from benchmarks.timing import print_header, print_row, readable
from tests.services.experiments import add_experiment
from tmlib.annotation import exports, reading, rows, tables
from tmlib.annotation.boxes import Box, touches
from tmlib.annotation.known_schemas import find_schema
from tmlib.annotation.models import Annotation
from tmlib.annotation.reading import Selection
from tmlib.annotation.rows import Place
from tmlib.annotation.tables import Annotator, NewTable
from tmlib.db import Database
from tmlib.db.base import now
from tmlib.db.spatial import bulk_insert
from tmlib.objects.values.table_streams import parquet_stream

_AT_ONCE = 10_000
_IN_ALL = 1_000_000
_SIDE = 100_000.0
_SQL_TABLE = 1_000  # a number that no annotation table has
_RUNS = 3


class _Bench:
    """An experiment with a table of points, and one user."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._random = random.Random(7)  # noqa: S311 - nothing here is secret
        new = NewTable(
            name="cells", schema_name="bound_tag", description="-", voxel_resolution=(1, 1, 1)
        )
        with database.transaction() as session:
            self.experiment_id = add_experiment(session).id
            self.user = Annotator(1)
            tables.create_table(session, self.experiment_id, self.user, new)
        self.place = Place(database, self.experiment_id, "cells", self.user)
        self._n_by_sql = 0

    def rows(self) -> list[dict[str, Any]]:
        """As many rows as one request brings."""
        return [
            {"pt": {"position": [self._number(), self._number(), 0]}, "tag": "mitotic"}
            for _ in range(_AT_ONCE)
        ]

    def _number(self) -> float:
        return self._random.uniform(0, _SIDE)

    def insert_by_sql(self) -> None:
        """As many rows in one COPY, or one prepared statement, as they are kept."""
        with self.database.transaction() as session:
            bulk_insert(session, Annotation, self._columns(_AT_ONCE))

    def update_by_sql(self, first: int) -> None:
        """End 500 rows with one statement, and insert others with one."""
        ended = update(Annotation).where(
            Annotation.experiment_id == self.experiment_id,
            Annotation.annotation_table_id == _SQL_TABLE,
            Annotation.id.in_(range(first, first + 500)),
        )
        with self.database.transaction() as session:
            session.execute(ended.values(deleted_at=now()))
            bulk_insert(session, Annotation, self._columns(500))

    def _columns(self, n_rows: int) -> dict[str, Any]:
        first = self._n_by_sql + 1
        self._n_by_sql += n_rows
        moment = now()
        xs, ys = ([self._number() for _ in range(n_rows)] for _ in range(2))
        zeros = [0.0] * n_rows
        return {
            "experiment_id": [self.experiment_id] * n_rows,
            "annotation_table_id": [_SQL_TABLE] * n_rows,
            "id": range(first, first + n_rows),
            "created_at": [moment] * n_rows,
            "user_id": [1] * n_rows,
            "data": [{"pt": [x, y, 0], "tag": "mitotic"} for x, y in zip(xs, ys, strict=True)],
            "min_x": xs,
            "min_y": ys,
            "min_z": zeros,
            "max_x": xs,
            "max_y": ys,
            "max_z": zeros,
        }

    def read(self, which: Selection) -> int:
        """Read rows; how many they are."""
        with self.database.session() as session:
            table = tables.open_table(session, self.experiment_id, "cells", self.user, "read")
            schema = find_schema(session, table.schema_name)
            return sum(1 for _ in reading.read_rows(session, table, schema, which))

    def read_by_sql(self, ids: range) -> int:
        """As many rows as the database gives them."""
        return self._count(Annotation.annotation_table_id == _SQL_TABLE, Annotation.id.in_(ids))

    def all_by_sql(self) -> int:
        """All rows that are not ended, as the database gives them."""
        own = Annotation.annotation_table_id != _SQL_TABLE
        return self._count(own, Annotation.deleted_at.is_(None))

    def box_by_sql(self, box: Box) -> int:
        """Rows in a box, as the database gives them by its own index."""
        with self.database.session() as session:
            table = tables.open_table(session, self.experiment_id, "cells", self.user, "read")
            condition = touches(session, table.id, box)
        return self._count(condition, Annotation.deleted_at.is_(None))

    def _count(self, *conditions: ColumnElement[bool]) -> int:
        query = select(Annotation.id, Annotation.created_at, Annotation.data).where(
            Annotation.experiment_id == self.experiment_id, *conditions
        )
        with self.database.session() as session:
            found = session.execute(query.execution_options(yield_per=_AT_ONCE))
            return sum(1 for _ in found)

    def snapshot(self) -> int:
        """All rows as of now as a Parquet file; its size."""
        with self.database.session() as session:
            table = tables.open_table(session, self.experiment_id, "cells", self.user, "read")
            schema = find_schema(session, table.schema_name)
            found = reading.read_rows(session, table, schema, Selection(as_of=table.changed_at))
            stream = exports.AnnotationStream(schema, found)
            return sum(map(len, parquet_stream(stream.schema, stream.tables())))


def main() -> None:
    """Print how long it takes, on both databases."""
    print_header(["database", "what", "time", "plain SQL", "ratio"])
    for kind in DATABASES:
        with (
            tempfile.TemporaryDirectory() as folder,
            new_database(kind, Path(folder)) as (_, database),
        ):
            _measure(kind, _Bench(database))


def _measure(kind: str, bench: _Bench) -> None:
    batches = [bench.rows() for _ in range(_RUNS)]
    post = _least(lambda: rows.post_rows(bench.place, batches.pop()))
    _print(kind, "post 10,000", post, _least(bench.insert_by_sql))
    firsts = iter(range(1, 500 * _RUNS, 500))
    update_time = _least(lambda: _update(bench, next(firsts)))
    ended = iter(range(1, 500 * _RUNS, 500))
    _print(kind, "update 500", update_time, _least(lambda: bench.update_by_sql(next(ended))))
    ids = range(2_001, 7_001)
    by_id = _least(lambda: bench.read(Selection(ids=ids)))
    _print(kind, "read 5,000 by id", by_id, _least(lambda: bench.read_by_sql(ids)))
    for _ in range(_IN_ALL // _AT_ONCE - _RUNS):
        rows.post_rows(bench.place, bench.rows())
    box = Box(40_000, 40_000, 0, 42_000, 42_000, 0)
    what = f"find {bench.read(Selection(box=box))} in a box among 1,000,000"
    in_box = _least(lambda: bench.read(Selection(box=box)))
    _print(kind, what, in_box, _least(lambda: bench.box_by_sql(box)))
    snapshot = _least(bench.snapshot, runs=1)
    _print(kind, "snapshot of 1,000,000", snapshot, _least(bench.all_by_sql, runs=1))


def _update(bench: _Bench, first: int) -> None:
    changes = [{"id": number, "tag": "other"} for number in range(first, first + 500)]
    rows.update_rows(bench.place, changes)


def _least(function: Callable[[], object], runs: int = _RUNS) -> float:
    """Least time of a few runs: the database works in a process of its own."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def _print(kind: str, what: str, duration: float, plain: float) -> None:
    print_row([kind, what, readable(duration), readable(plain), f"{duration / plain:.2f}"])
