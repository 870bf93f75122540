"""Deleting experiments of the running product while somebody reads their objects for long."""

import time

import pytest
import requests
from sqlalchemy import inspect, select, text

from tests.services.installation import PASSWORD, USER, Installation, await_removal
from tmlib.db import Database
from tmlib.experiments.models import Experiment

DEADLINE_SECONDS = 120

N_EXPERIMENTS = 4


@pytest.mark.parametrize("installation", ["postgresql"], indirect=True)
def test_a_long_reader_holds_up_no_deletion_and_no_creation(installation: Installation) -> None:
    login = {"username": USER, "password": PASSWORD}
    database = Database(installation.database_url)
    with requests.Session() as session:
        token = session.post(f"{installation.url}/auth", json=login, timeout=60).json()
        session.headers["Authorization"] = f"Bearer {token['access_token']}"
        doomed = [create(session, installation, f"doomed {n}") for n in range(N_EXPERIMENTS)]
        with database.session() as reader:
            reader.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            reader.execute(text("SELECT count(*) FROM mapobjects, mapobject_segmentations"))
            delete(session, installation, doomed.pop())
            await_pending(database)
            while doomed:
                delete(session, installation, doomed.pop())
                delete(session, installation, create(session, installation, "meanwhile"))
        await_removed(database)
    database.close()


def create(session: requests.Session, installation: Installation, name: str) -> str:
    body = {
        "name": name,
        "workflow_type": "canonical",
        "microscope_type": "cellvoyager",
        "plate_format": 96,
        "plate_acquisition_mode": "basic",
    }
    answer = session.post(f"{installation.url}/api/experiments", json=body, timeout=60)
    assert answer.ok, answer.text
    return str(answer.json()["data"]["id"])


def delete(session: requests.Session, installation: Installation, experiment_id: str) -> None:
    url = f"{installation.url}/api/experiments/{experiment_id}"
    answer = session.delete(url, timeout=60)
    assert answer.ok, answer.text
    assert session.get(url, timeout=60).status_code == 404


def await_pending(database: Database) -> None:
    """Wait until workers have begun to detach a partition that is still read."""
    pending = text("SELECT count(*) FROM pg_inherits WHERE inhdetachpending")
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        with database.session() as session:
            if session.scalar(pending):
                return
        assert time.monotonic() < deadline, "No partition is being detached."
        time.sleep(0.1)


def await_removed(database: Database) -> None:
    """Wait until workers have removed all that was deleted, partitions too."""
    await_removal(database)
    with database.session() as session:
        present = session.scalars(select(Experiment.id)).all()
    tables = inspect(database.engine).get_table_names()
    partitions = {int(name.rpartition("_")[2]) for name in tables if name[-1].isdigit()}
    assert partitions <= set(present)
