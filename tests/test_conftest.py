"""The ground that all other tests stand on."""

import re
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests import conftest
from tests.services.ledger import experiment
from tmlib import schema
from tmlib.db import Database, revision
from tmlib.experiments.models import Experiment
from tmlib.settings import Settings

ROOT = Path(__file__).parent.parent

__all__ = ["experiment"]


def test_a_database_has_all_tables(database: Database, settings: Settings) -> None:
    assert revision.current(database) == revision.needed()
    assert schema.differences(database) == []
    assert str(database.engine.url.database) in settings.resolved_database_url


def test_the_partitions_of_an_experiment_are_no_difference(
    database: Database, experiment: Experiment
) -> None:
    assert schema.differences(database) == []


def test_connections_off_this_machine_are_refused() -> None:
    with socket.socket() as connection, pytest.raises(RuntimeError, match="off this machine"):
        connection.connect(("192.0.2.1", 80))


def collected(folder: str, fixture: str) -> list[Any]:
    """What pytest collects of twenty tests in a folder, and one of PostgreSQL alone."""
    kinds = [(n, kind) for n in range(20) for kind in conftest.DATABASES]
    return [
        SimpleNamespace(
            nodeid=f"{folder}/test_a.py::test_{name}[{kind}]",
            callspec=SimpleNamespace(params={fixture: kind}),
        )
        for name, kind in [*kinds, ("alone", "postgresql")]
    ]


@pytest.mark.parametrize(
    ("folder", "choice", "expected"),
    [
        *[("tests/tmlib", "sqlite", 21), ("tests/tmserver/api", "sqlite", 21)],
        *[("tests/tmlib", "different", 41), ("tests/tmserver/api", "different", 21)],
        *[("tests/tmlib", "all", 41), ("tests/tmserver/api", "all", 41)],
    ],
)
@pytest.mark.parametrize("fixture", ["database_url", "installation"])
def test_every_test_runs_where_it_has_to(
    folder: str, choice: str, expected: int, fixture: str
) -> None:
    items = collected(folder, fixture)
    chosen: list[Any] = [*conftest.on_chosen_databases(items, choice)]
    assert len(chosen) == expected
    assert {item.nodeid.partition("[")[0] for item in chosen} == {
        item.nodeid.partition("[")[0] for item in items
    }
    kinds = {item.callspec.params[fixture] for item in chosen[:-1]}
    assert kinds == ({"sqlite"} if choice == "sqlite" else set(conftest.DATABASES))


@pytest.mark.parametrize("package", ["tmclient", "tmserver"])
def test_what_runs_on_either_database_does_not_tell_them_apart(package: str) -> None:
    sources = {path: path.read_text("utf-8") for path in (ROOT / package).rglob("*.py")}
    assert sources
    tells = re.compile(r"\bdialect|is_sqlite|is_postgresql|sqlalchemy\.dialects")
    assert [path for path, text in sources.items() if tells.search(text)] == []
