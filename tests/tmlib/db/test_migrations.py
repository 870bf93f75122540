"""Every migration forward and back, with rows in all tables, on both databases."""

import threading

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text

from tests.services import rows
from tests.services.rows import Rows
from tmlib import schema
from tmlib.db import Database
from tmlib.errors import DatabaseBusy


@pytest.fixture
def empty(database: Database) -> Database:
    schema.downgrade(database, "base")
    return database


def revisions() -> list[str]:
    script = ScriptDirectory.from_config(schema._config())
    return [revision.revision for revision in script.walk_revisions()][::-1]


def kept(before: Rows, after: Rows) -> Rows:
    """The rows of tables that there were before, as far as the columns go that there are after."""
    return {
        table: [
            {name: value for name, value in row.items() if name in (after[table] or [row])[0]}
            for row in found
        ]
        for table, found in before.items()
        if table in after
    }


def test_each_revision_keeps_what_was_there(empty: Database) -> None:
    schema.upgrade(empty, revisions()[0])
    for revision, following in zip(revisions(), revisions()[1:], strict=False):
        rows.fill(empty)
        before = rows.content(empty)
        schema.upgrade(empty, following)
        after = rows.content(empty)
        assert kept(before, after) == kept(after, before), following
        schema.downgrade(empty, revision)
        assert rows.content(empty) == before, following
        schema.upgrade(empty, following)
    rows.fill(empty)
    assert all(rows.content(empty).values())
    assert schema.differences(empty) == []


def test_two_upgrades_at_once_wait_for_each_other(empty: Database) -> None:
    problems = []

    def upgrade() -> None:
        try:
            schema.upgrade(empty)
        except Exception as error:  # noqa: BLE001 - shown below
            problems.append(error)

    threads = [threading.Thread(target=upgrade) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert schema.current_revision(empty) == schema.head_revision()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_an_upgrade_does_not_make_others_wait_for_long(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "_LOCK_SECONDS", 0.2)
    with database.session() as reader:
        reader.execute(text("SELECT count(*) FROM experiments"))
        with pytest.raises(DatabaseBusy):
            schema.downgrade(database, "base")
    assert schema.current_revision(database) == schema.head_revision()
    assert schema.differences(database) == []
