"""Changes of annotations at the same time: on PostgreSQL, where only some exclude each other."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.tmlib.annotation.conftest import Laboratory
from tmlib.annotation import snapshots, tables
from tmlib.annotation.moments import lock_tables
from tmlib.annotation.tables import NewTable
from tmlib.db import Database
from tmlib.errors import DatabaseBusy

Act = Callable[[Laboratory, Session], object]


@pytest.fixture
def database(postgresql_url: str) -> Iterator[Database]:
    database = Database(postgresql_url)
    yield database
    database.close()


def take_snapshot(laboratory: Laboratory, session: Session) -> None:
    snapshots.take_snapshot(session, laboratory.experiment_id, laboratory.people["mara"], "one")


def make_remarks(laboratory: Laboratory, session: Session) -> None:
    new = NewTable(
        name="remarks",
        schema_name="reference_tag",
        description="-",
        voxel_resolution=(1, 1, 1),
        reference_table="cells",
        tracks_targets=True,
    )
    tables.create_table(session, laboratory.experiment_id, laboratory.people["mara"], new)


def change_cells(laboratory: Laboratory, session: Session) -> None:
    table = tables.find_table(session, laboratory.experiment_id, "cells")
    lock_tables(session, [table.id])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (make_remarks, take_snapshot),
        (take_snapshot, make_remarks),
        (make_remarks, change_cells),
        (change_cells, make_remarks),
        (take_snapshot, change_cells),
        (take_snapshot, take_snapshot),
    ],
)
def test_one_waits_for_the_other(laboratory: Laboratory, first: Act, second: Act) -> None:
    laboratory.make("cells")
    with laboratory.database.transaction() as one:
        first(laboratory, one)
        with laboratory.database.transaction() as other:
            other.execute(text("SET LOCAL lock_timeout = 1"))
            with pytest.raises(DatabaseBusy):
                second(laboratory, other)
