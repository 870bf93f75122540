import pytest
from sqlalchemy import text

from tests.tmserver.commands.conftest import Tm
from tmlib import schema
from tmlib.db import Database, revision


def test_a_current_database_passes(tm: Tm) -> None:
    result = tm("db", "check")
    assert result.exit_code == 0, result.output


def test_an_old_database_is_named_and_upgraded(tm: Tm, database: Database) -> None:
    schema.downgrade(database, "base")
    result = tm("db", "check")
    assert result.exit_code == 1
    assert "run `tm db upgrade`" in result.stderr
    assert f"revision none, needed {revision.needed()}" in tm("db", "current").output
    assert tm("db", "upgrade").exit_code == 0
    assert tm("db", "check").exit_code == 0


def test_a_table_that_was_changed_by_hand_is_named(tm: Tm, database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("ALTER TABLE users ADD COLUMN shoe_size INTEGER"))
    result = tm("db", "check")
    assert result.exit_code == 1
    assert "shoe_size" in result.stderr


def test_a_database_that_does_not_answer_is_named(tm: Tm) -> None:
    result = tm("db", "check", TM_DATABASE_URL="postgresql://tm@127.0.0.1:1/tm")
    assert result.exit_code == 1
    assert "The database does not answer" in result.stderr


@pytest.mark.parametrize("value", ["soon", "-1"])
def test_a_wrong_setting_is_named(tm: Tm, value: str) -> None:
    result = tm("db", "check", TM_LEASE_SECONDS=value)
    assert result.exit_code == 1
    assert f"TM_LEASE_SECONDS is '{value}'" in result.stderr
