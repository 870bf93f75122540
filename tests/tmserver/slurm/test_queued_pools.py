"""``tm slurm`` on a real Slurm of one machine, with real workers in its jobs."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services.conversion import Conversion, conversion, write_images
from tests.services.ledger import experiment
from tests.services.redis import running_redis
from tests.services.slurm import SlurmMissing, running_slurm
from tests.tmserver.commands.conftest import Tm, tm
from tmlib.settings import Settings
from tmlib.workflow import service
from tmserver.slurm import queued_pools
from workers.queue import CeleryQueue

__all__ = ["conversion", "experiment", "tm"]

WAIT_SECONDS = 120
NAMES = [f"A01_s{site}.tif" for site in range(4)]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        try:
            with running_slurm(tmp_path_factory.mktemp("slurm")) as variables:
                for name, value in variables.items():
                    patch.setenv(name, value)
                yield
        except SlurmMissing as error:
            pytest.skip(str(error))


@pytest.fixture
def database_url(postgresql_url: str) -> str:
    """Workers on other machines need a database server."""
    return postgresql_url


@pytest.fixture
def broker_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with running_redis(tmp_path / "redis") as (url, _):
        monkeypatch.setenv("TM_BROKER_URL", url)
        yield url


def await_that(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.1)


def pools(tm: Tm) -> list[dict[str, Any]]:
    shown = tm("slurm", "list", "--json")
    assert shown.exit_code == 0, shown.output
    found: list[dict[str, Any]] = json.loads(shown.output)["pools"]
    return found


def test_pools_come_do_their_work_and_go(
    tm: Tm,
    slurm: None,
    conversion: Conversion,
    settings: Settings,
    broker_url: str,
    tmp_path: Path,
) -> None:
    scale = ("slurm", "scale")
    options = ("--", f"--output={tmp_path}/%a.log", "--mem-per-cpu=1G")
    grown = tm(*scale, "2", "--processes", "1", *options)
    assert grown.output == "0 pools were there, 2 are submitted.\n"
    assert tm(*scale, "2").output == "2 pools are there: nothing is to be done.\n"
    await_that(lambda: {pool["state"] for pool in pools(tm)} == {"RUNNING"}, "both pools run")

    write_images(tmp_path / "images", NAMES)
    conversion.set(microscope_type="generic")
    conversion.take(tmp_path / "images")
    steps = {"metaextract": {}, "metaconfig": {"regex": r"(?P<w>A01)_s(?P<s>\d)"}, "imextract": {}}
    first = conversion.submit(("image_conversion", steps))
    CeleryQueue(settings.model_copy(update={"broker_url": broker_url})).enqueue(first.job_ids)

    def status() -> dict[str, Any]:
        with conversion.database.session() as session:
            found = service.status(session, conversion.experiment.id)
        assert found is not None
        return found

    await_that(lambda: bool(status()["done"]), "the workflow has ended")
    assert not status()["failed"], status()

    shrunk = json.loads(tm(*scale, "1", "--json").output)
    assert (shrunk["wanted"], shrunk["before"], shrunk["submitted"]) == (1, 2, 0)
    [ended] = shrunk["ended"]
    await_that(lambda: [pool["job_id"] for pool in pools(tm)] != [ended], "one pool is left")
    await_that(lambda: len(pools(tm)) == 1, "the other pool has ended")
    assert outcome(ended) == "COMPLETED"
    assert tm(*scale, "0").output == "1 pools were there, 1 are told to end.\n"
    await_that(lambda: not pools(tm), "no pool is left")


def test_pools_that_wait_go_first(tm: Tm, slurm: None, broker_url: str, tmp_path: Path) -> None:
    waiting = ("--processes", "1", "--", "--begin=now+1hour", f"--output={tmp_path}/%a.log")
    tm("slurm", "scale", "3", "--name", "later", *waiting)
    assert [pool["state"] for pool in json.loads(later(tm))["pools"]] == ["PENDING"] * 3
    await_that(
        lambda: "BeginTime" in tm("slurm", "list", "--name", "later").output,
        "Slurm has said why they wait",
    )
    tm("slurm", "scale", "1", "--name", "later")
    assert len(json.loads(later(tm))["pools"]) == 1
    tm("slurm", "scale", "0", "--name", "later")
    assert json.loads(later(tm))["pools"] == []


def later(tm: Tm) -> str:
    shown: str = tm("slurm", "list", "--name", "later", "--json").output
    return shown


def outcome(job_id: str) -> str:
    """How Slurm says that a job has ended."""
    shown = subprocess.run(
        ["scontrol", "--oneliner", "show", "job", job_id],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    words = dict(word.split("=", 1) for word in shown.split() if "=" in word)
    return words["JobState"]


def test_what_slurm_refuses_is_said(tm: Tm, slurm: None, broker_url: str) -> None:
    refused = tm("slurm", "scale", "1", "--", "--partition=nowhere")
    assert refused.exit_code == 1
    assert "Slurm refused sbatch" in refused.output
    assert "nowhere" in refused.output or "partition" in refused.output


def test_workers_elsewhere_need_a_redis(tm: Tm) -> None:
    refused = tm("slurm", "scale", "1")
    assert refused.exit_code == 1
    assert "TM_BROKER_URL is not set" in refused.output


def test_a_machine_without_slurm(tm: Tm, tmp_path: Path) -> None:
    refused = tm("slurm", "list", PATH=str(tmp_path))
    assert refused.exit_code == 1
    assert "There is no squeue on this machine" in refused.output


def test_a_slurm_that_hangs_is_not_waited_for(
    tm: Tm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queued_pools, "_SECONDS", 0.2)
    silent = tmp_path / "squeue"
    silent.write_text("#!/bin/sh\nexec /bin/sleep 600\n")  # it is ended when it takes too long
    silent.chmod(0o755)
    refused = tm("slurm", "list", PATH=str(tmp_path))
    assert refused.exit_code == 1
    assert "Slurm has not answered squeue" in refused.output


def test_the_script_can_be_taken_and_changed(tm: Tm) -> None:
    script = tm("slurm", "script").output
    assert script.startswith("#!/bin/bash\n")
    assert "#SBATCH --signal=B:TERM@180" in script
