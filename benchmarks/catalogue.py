"""Lists of the public catalogue, with the bare query as JSON and with graphql-core alone."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import insert

from benchmarks.databases import DATABASES, new_database
from benchmarks.timing import print_header, print_row, readable, timed
from tests.services.catalogue import Row, random_rows
from tmlib.db import Database
from tmlib.portal.declaration.annotations import ANNOTATION
from tmlib.portal.models import TABLES
from tmserver.portal.answering import Query, answer

_SIZES = (20_000, 100_000)
_MOST_EXECUTED = 20_000
"""Rows beyond which graphql-core alone would be refused."""

_VALUES = " ".join(ANNOTATION.fields)
_PLAIN = f"{{ annotations {{ {_VALUES} }} }}"
_EXECUTED = f"{{ annotations {{ ...A }} }} fragment A on Annotation {{ {_VALUES} }}"


def main() -> None:
    """Print processor times of each way, for all annotations with all of their values."""
    columns = ("bare query and json", "tmserver", "ratio", "graphql-core", "ratio")
    print_header(["annotations", *columns])
    for kind in DATABASES:
        for n_rows in _SIZES:
            with TemporaryDirectory() as folder, new_database(kind, Path(folder)) as (_, database):
                _fill(database, n_rows)
                _compare(database, f"{n_rows:,}, {kind}", n_rows)


def _fill(database: Database, n_rows: int) -> None:
    some = random_rows(seed=1, n_rows=500)[ANNOTATION.name]
    none = {item.column: None for item in ANNOTATION.items}
    rows: list[Row] = [{**some[i % 500], **none, "id": i + 1} for i in range(n_rows)]
    with database.transaction() as session:
        session.execute(insert(TABLES[ANNOTATION.name]), rows)


def _compare(database: Database, name: str, n_rows: int) -> None:
    bare, bare_time = timed(lambda: _bare(database))
    ours, our_time = timed(lambda: answer(database, Query(_PLAIN, {})))
    if len(json.loads(ours)["data"]["annotations"]) != len(json.loads(bare)):
        raise SystemExit("The list has other rows than the table.")
    cells = [name, readable(bare_time), readable(our_time), f"{our_time / bare_time:.2f}"]
    if n_rows <= _MOST_EXECUTED:
        executed, time = timed(lambda: answer(database, Query(_EXECUTED, {})))
        if json.loads(executed) != json.loads(ours):
            raise SystemExit("graphql-core gives other rows.")
        cells += [readable(time), f"{time / our_time:.1f}"]
    print_row([*cells, *["-"] * (6 - len(cells))])


def _bare(database: Database) -> str:
    connection: Any = database.engine.raw_connection()
    try:
        cursor = connection.cursor()
        names = ", ".join(ANNOTATION.columns)
        cursor.execute(f"SELECT {names} FROM {TABLES[ANNOTATION.name].name} ORDER BY id")  # noqa: S608 - our own names
        keys = list(ANNOTATION.columns)
        rows = [dict(zip(keys, row, strict=True)) for row in cursor.fetchall()]
        return json.dumps(rows, default=str)
    finally:
        connection.close()
