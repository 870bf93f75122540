"""A worker that is killed in the middle of its work delays the result and does not change it."""

import signal
import time
from contextlib import suppress

import psutil
import pytest

from tests.acceptance import sample
from tests.acceptance.sample import Finished
from tests.services.installation import Installation
from tmclient import TmClient
from tmlib.sample import SamplePlate

DEADLINE_SECONDS = 240
MOMENT_SECONDS = 0.02


def test_killing_workers_changes_nothing(
    installation: Installation, finished: Finished, sample_plate: SamplePlate
) -> None:
    with installation.client() as client:
        sample.submit_sample(client, sample_plate)
        interrupted = {
            step: kill_in_the_middle(installation, client, step)
            for step in ("imextract", "jterator")
        }
        status = sample.wait_for_end(client)
        assert not status["failed"], status
        for step, names in interrupted.items():
            attempts = {job["name"]: job["attempt"] for job in client.get_workflow_jobs(step)}
            assert all(attempts[name] > 1 for name in names)
        sample.assert_same(sample.feature_values(client), sample.feature_values(finished.client))


def kill_in_the_middle(installation: Installation, client: TmClient, step: str) -> list[str]:
    """Kill all worker processes while jobs of a step run.

    They work for a moment at a time, so that they cannot come through the step without being seen;
    short jobs of a step end together, so that some may have ended or none.
    Returns the names of the jobs that were running.
    """
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        workers = signal_workers(installation, signal.SIGSTOP)
        running = running_jobs(client, step)
        if workers and running:
            assert signal_workers(installation, signal.SIGKILL)
            return running
        signal_workers(installation, signal.SIGCONT)
        time.sleep(MOMENT_SECONDS)
    pytest.fail(f"Nothing of {step} was ever seen running.")


def running_jobs(client: TmClient, step: str) -> list[str]:
    jobs = client.get_workflow_jobs(step, step_phase="run")
    return [job["name"] for job in jobs if job["state"] == "RUNNING"]


def signal_workers(installation: Installation, number: int) -> list[psutil.Process]:
    reached = []
    for worker in installation.children("celery"):
        with suppress(psutil.NoSuchProcess):  # they may end by themselves meanwhile
            worker.send_signal(number)
            reached.append(worker)
    return reached
