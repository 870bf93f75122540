"""`tm drain` on a real ledger: what it says, what others see of it, and that it is noted."""

import json
import socket
from collections.abc import Sequence

import pytest
from sqlalchemy import select

from tests.tmserver.commands.conftest import Tm
from tmlib.db import Database
from tmlib.ledger.models import DrainedHost, WorkerPool

NODES = ["node1", "node2"]


@pytest.fixture
def nodes(database: Database) -> list[str]:
    """Two hosts with a pool each, besides this one."""
    with database.transaction() as session:
        session.add_all(
            WorkerPool(host=name, pid=7, queue="jobs", processes=4)
            for name in [*NODES, socket.gethostname()]
        )
    return NODES


def drained(database: Database) -> Sequence[str]:
    with database.session() as session:
        return session.scalars(select(DrainedHost.host).order_by(DrainedHost.host)).all()


def test_hosts_are_taken_out_of_work_and_back(tm: Tm, database: Database, nodes: list[str]) -> None:
    result = tm("drain", "node1")
    assert result.exit_code == 0, result.output
    assert "node1" in result.output
    assert "node2" not in result.output
    assert drained(database) == ["node1"]
    assert tm("drain", "--all").exit_code == 0
    assert set(drained(database)) == {*nodes, socket.gethostname()}
    back = json.loads(tm("drain", "--undo", "node2", "--json").stdout)
    assert [host["name"] for host in back["hosts"]] == ["node2"]
    assert "node2" not in drained(database)


@pytest.mark.usefixtures("nodes")
def test_without_a_name_it_is_about_this_host(tm: Tm, database: Database) -> None:
    assert tm("drain", "--stop").exit_code == 0
    with database.session() as session:
        [order] = session.scalars(select(DrainedHost))
    assert (order.host, order.ends_workers) == (socket.gethostname(), True)
    assert tm("drain", "--undo").exit_code == 0
    assert drained(database) == []


@pytest.mark.usefixtures("nodes")
@pytest.mark.parametrize("options", [("--all", "node1"), ("--undo", "--stop")])
def test_options_that_exclude_each_other_changes_nothing(
    tm: Tm, database: Database, options: tuple[str, str]
) -> None:
    result = tm("drain", *options)
    assert result.exit_code == 2
    assert "exclude each other" in result.output
    assert drained(database) == []


@pytest.mark.usefixtures("nodes")
def test_orders_are_in_the_audit_trail(tm: Tm) -> None:
    tm("drain", "node1", "--stop")
    [event] = json.loads(tm("audit", "--action", "tm drain", "--json").stdout)["events"]
    assert event["status"] == 0
    assert event["details"]["hosts"] == ["node1"]
    assert event["details"]["stop"] is True


def test_a_host_that_nobody_knows_is_named(tm: Tm, database: Database) -> None:
    result = tm("drain", "nowhere")
    assert result.exit_code == 1
    assert "nowhere" in result.output
    assert drained(database) == []
