"""Modules that users bring, from their client to the worker that runs them and back."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.acceptance import sample
from tests.acceptance.test_bad_input import PATTERN, create, describe, errors_at_end
from tests.services.installation import Installation, is_running
from tests.tmlib.jterator.user_modules.projects import doing, project
from tmclient import TmClient
from tmlib.sample import simulate_plate


@pytest.fixture
def client(
    installation: Installation, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[TmClient]:
    """A client for an experiment with images of one site."""
    simulate_plate(tmp_path, wells=["B02"], rows=1, columns=1, height=128, width=128)
    with installation.client(request.node.name) as client:
        create(client)
        client.upload_microscope_files("plate", "acquisition", tmp_path)
        yield client


def test_they_run_in_the_worker_and_end_when_the_workflow_is_killed(
    client: TmClient, tmp_path: Path
) -> None:
    described = project(level=1000)
    client.upload_jterator_project(**described)
    assert client.download_jterator_project() == described
    client.submit_workflow(describe(PATTERN, 1, 1))
    assert errors_at_end(client) == ""
    assert "Own_area" in client.download_feature_values("Bright").columns
    [job] = client.get_workflow_jobs("jterator", step_phase="run")
    assert "level 1000" in client.get_workflow_job_log("jterator", job["name"])["stdout"]

    number = tmp_path / "number"
    endless = f"import os\nopen({str(number)!r}, 'w').write(str(os.getpid()))\nwhile True: pass"
    client.upload_jterator_project(**project(doing(endless)))
    client.resubmit_workflow("image_analysis")
    while not (number.exists() and number.read_text()):
        status = client.get_workflow_status()
    assert status
    assert status["live"]
    module = psutil.Process(int(number.read_text()))
    client.kill_workflow()
    sample.wait_for_end(client)
    psutil.wait_procs([module], timeout=60)
    assert not module.is_running()


def test_they_are_stopped_at_the_limit_and_retried_when_they_are_corrected(
    client: TmClient, tmp_path: Path
) -> None:
    number = tmp_path / "number"
    endless = f"import os\nopen({str(number)!r}, 'w').write(str(os.getpid()))\nwhile True: pass"
    client.upload_jterator_project(**project(doing(endless)))
    description = describe(PATTERN, 1, 1)
    limits = [{"name": "duration", "value": "00:00:06"}]
    description["stages"][3]["steps"] = [{"name": "jterator", "submission_args": limits}]
    client.submit_workflow(description)
    assert 'its limit "duration" is 0:00:06' in errors_at_end(client)
    with contextlib.suppress(psutil.NoSuchProcess):
        _, left = psutil.wait_procs([psutil.Process(int(number.read_text()))], timeout=60)
        assert not any(map(is_running, left))
    earlier = client.get_workflow_jobs("imextract")

    client.upload_jterator_project(**project(level=1000))
    client.upload_workflow_description(describe(PATTERN, 1, 1))
    client.retry_workflow()
    assert errors_at_end(client) == ""
    assert "Own_area" in client.download_feature_values("Bright").columns
    assert client.get_workflow_jobs("imextract") == earlier
    [job] = client.get_workflow_jobs("jterator", step_phase="run")
    assert job["attempt"] == 2
