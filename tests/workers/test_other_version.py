"""Workers that meet tables of another version of the product."""

import pytest
from sqlalchemy import text

from tests.services.installation import is_running
from tests.services.timed_workers import WAIT_SECONDS, TimedWorkers
from tmlib.db import Database, revision
from tmlib.ledger.models import State

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def set_revision(database: Database, name: str) -> None:
    """Make tables those of another version, as far as anybody can tell."""
    with database.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = :name"), {"name": name})


def test_a_worker_takes_no_job_once_the_tables_are_of_another_version(
    timed: TimedWorkers,
) -> None:
    timed.hold()
    timed.submit(3)
    worker = timed.start()
    timed.await_that(lambda: timed.processes_of(0), "the first job runs")
    set_revision(timed.database, "9999")
    timed.release()
    timed.await_that(lambda: timed.states()[State.TERMINATED], "it ends")
    timed.await_that(lambda: "are of revision 9999" in timed.log.read_text(), "the worker says so")
    assert "older: install on this machine the version" in timed.log.read_text()
    assert timed.states() == {State.TERMINATED: 1, State.SUBMITTED: 2}
    assert is_running(worker)
    set_revision(timed.database, revision.needed())
    timed.await_that(lambda: timed.states()[State.TERMINATED] == 3, "it goes on when they are back")


@pytest.mark.parametrize(
    ("name", "hint"), [("9999", "which is older"), ("0001", "run `tm db upgrade`")]
)
def test_a_worker_does_not_start_on_tables_of_another_version(
    timed: TimedWorkers, name: str, hint: str
) -> None:
    set_revision(timed.database, name)
    assert timed.start().wait(WAIT_SECONDS) == 1
    assert f"The tables are of revision {name}" in timed.log.read_text()
    assert hint in timed.log.read_text()
