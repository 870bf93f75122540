"""`tm status`, `tm jobs` and `tm logs` on a real ledger and a real Redis."""

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.services.ledger import experiment, planned
from tests.services.redis import running_redis
from tests.tmserver.commands.conftest import Tm
from tmlib.accounts.models import User
from tmlib.db import Database
from tmlib.experiments.models import Experiment
from tmlib.ledger import engine, job_log
from tmlib.ledger.engine import Claim, Outcome
from tmlib.ledger.output import Tail
from tmlib.settings import Settings
from tmlib.workflow import service
from workers.queue import CeleryQueue

__all__ = ["experiment"]

CONVERSION = {"type": "canonical", "stages": [{"name": "image_conversion"}]}
ERROR = 'The file "a.png" is\ntruncated: send it again.'


@pytest.fixture
def queue(settings: Settings) -> CeleryQueue:
    """The queue of files in the data folder, as `tm serve` has it."""
    settings.queue_dir.mkdir(parents=True)
    return CeleryQueue(settings)


@pytest.fixture
def job_ids(database: Database, experiment: Experiment, queue: CeleryQueue) -> list[int]:
    """Three jobs that wait, of a workflow whose first job has ended."""
    service.submit(database, queue, experiment.id, experiment.user_id, CONVERSION)
    batches = [[{"number": number} for number in range(3)]]
    following = end(database, take(database, 1), Outcome(0, following=planned(batches)))
    queue.enqueue(following)
    return following


def take(database: Database, job_id: int) -> Claim:
    with database.transaction() as session:
        taken = engine.claim(session, job_id, "node1:77", "node1", lease=30)
    assert taken is not None
    return taken


def end(database: Database, taken: Claim, outcome: Outcome) -> list[int]:
    with database.transaction() as session:
        return engine.finish(session, taken.job_id, taken.attempt, outcome)


def fail(database: Database, job_id: int) -> None:
    outcome = Outcome(1, error=ERROR, stdout="looking\n", stderr="Traceback\n", wall_time=75.0)
    end(database, take(database, job_id), outcome)


def read_json(tm: Tm, *arguments: str) -> dict[str, Any]:
    result = tm(*arguments, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def cells(output: str) -> list[list[str]]:
    return [line.split() for line in output.splitlines()]


def test_status_shows_queues_hosts_and_workflows(
    tm: Tm, database: Database, job_ids: list[int]
) -> None:
    fail(database, job_ids[0])
    take(database, job_ids[1])
    result = tm("status")
    assert result.exit_code == 0, result.output
    lines = cells(result.stdout)
    assert "Queues, carried by files of the data folder" in result.stdout
    # the first job's message was taken by nobody here: the queue has that and three more
    assert ["jobs", "4", "1", "1"] in lines
    assert ["interactive", "0", "0", "0"] in lines
    assert ["node1", "working", "0", "1", "1", "0"] in lines
    [workflow] = [line for line in lines if line[1:2] == ["running"]]
    assert workflow[0] == "1"
    assert workflow[3:7] == ["1", "1", "1", "0"]
    assert workflow[-2:] == ["screen:", "metaextract"]


def test_status_is_watched(settings: Settings, database: Database, job_ids: list[int]) -> None:
    environment = {
        "TM_DATA_DIR": str(settings.data_dir),
        "TM_DATABASE_URL": str(settings.database_url),
    }
    command = [sys.executable, "-m", "tmserver", "status", "--watch"]
    with subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.PIPE, text=True
    ) as watching:
        assert watching.stdout is not None
        is_taken = False
        for line in watching.stdout:
            words = line.split()[:2]
            if words == ["1", "running"] and not is_taken:
                take(database, job_ids[0])
                is_taken = True
            elif is_taken and words == ["node1", "working"]:
                break
        assert watching.poll() is None
        watching.terminate()


def test_status_as_json_has_the_same(tm: Tm, database: Database, job_ids: list[int]) -> None:
    fail(database, job_ids[0])
    take(database, job_ids[1])
    found = read_json(tm, "status")
    assert found.keys() == {"time", "carrier", "queues", "hosts", "workflows"}
    assert found["carrier"] == "files"
    assert found["queues"] == [
        {"name": "jobs", "messages": 4, "waiting": 1, "running": 1},
        {"name": "interactive", "messages": 0, "waiting": 0, "running": 0},
    ]
    [host] = found["hosts"]
    assert (host["name"], host["state"]) == ("node1", "working")
    assert (host["processes"], host["workers"], host["running"], host["overdue"]) == (0, 1, 1, 0)
    [workflow] = found["workflows"]
    assert (workflow["state"], workflow["failed"]) == ("running", 1)
    assert workflow["submitted_at"].endswith("+00:00")


def test_status_of_a_cluster_is_that_of_its_redis(
    tm: Tm, database: Database, experiment: Experiment, tmp_path: Path
) -> None:
    with running_redis(tmp_path / "redis") as (url, _):
        CeleryQueue(Settings(broker_url=url)).enqueue([1, 2])
        result = tm("status", TM_BROKER_URL=url)
    assert "Queues, carried by Redis" in result.stdout
    assert ["jobs", "2", "0", "0"] in cells(result.stdout)


def test_status_without_a_queue_tells_what_the_ledger_knows(
    tm: Tm, database: Database, job_ids: list[int], settings: Settings
) -> None:
    for url in ("redis://127.0.0.1:1/0", None):
        environment = {} if url is None else {"TM_BROKER_URL": url}
        if url is None:
            shutil.rmtree(settings.data_dir / "run")
        result = tm("status", "--json", **environment)
        assert result.exit_code == 0, result.output
        [jobs, _] = json.loads(result.stdout)["queues"]
        assert (jobs["messages"], jobs["waiting"]) == (None, 3)


def test_status_shows_old_workflows_when_asked(tm: Tm, database: Database) -> None:
    assert "none" in tm("status").stdout
    assert read_json(tm, "status", "--all")["workflows"] == []


def test_jobs_that_failed_are_listed_with_the_reason(
    tm: Tm, database: Database, job_ids: list[int]
) -> None:
    fail(database, job_ids[0])
    result = tm("jobs", "--failed")
    assert result.exit_code == 0, result.output
    [_, _, line] = result.stdout.splitlines()
    assert line.split()[:6] == [
        str(job_ids[0]),
        "failed",
        "metaextract_run_0000001",
        "1",
        "node1",
        "1m",
    ]
    assert line.endswith('screen: The file "a.png" is truncated: send it again.')
    [job] = read_json(tm, "jobs", "--state", "failed")["jobs"]
    assert (job["id"], job["error"], job["seconds"]) == (job_ids[0], ERROR, 75.0)


def test_jobs_can_be_limited_and_filtered(
    tm: Tm, database: Database, experiment: Experiment, job_ids: list[int]
) -> None:
    assert len(read_json(tm, "jobs")["jobs"]) == 4
    first = read_json(tm, "jobs", "--limit", "1")
    assert [job["id"] for job in first["jobs"]] == [max(job_ids)]
    assert first["has_more"]
    assert "--limit shows more" in tm("jobs", "--limit", "3").stdout
    assert "--limit" not in tm("jobs", "--limit", "4").stdout
    for name in ("screen", str(experiment.id)):
        assert len(read_json(tm, "jobs", "--experiment", name, "--state", "waiting")["jobs"]) == 3
    assert read_json(tm, "jobs", "--step", "jterator") == {"jobs": [], "has_more": False}
    assert tm("jobs", "--step", "jterator").stdout == "Jobs\nnone\n"


def test_what_is_not_there_is_named(tm: Tm, database: Database) -> None:
    result = tm("jobs", "--experiment", "nothing")
    assert result.exit_code == 1
    assert 'There is no experiment "nothing"' in result.stderr
    assert tm("jobs", "--failed", "--state", "done").exit_code == 2
    result = tm("logs", "99")
    assert result.exit_code == 1
    assert "There is no job 99" in result.stderr


def test_logs_show_what_a_job_printed(tm: Tm, database: Database, job_ids: list[int]) -> None:
    fail(database, job_ids[0])
    result = tm("logs", str(job_ids[0]))
    assert (result.exit_code, result.stdout) == (0, "looking\nTraceback\n")
    assert "metaextract_run_0000001 of screen: failed on node1, 1m 15s" in result.stderr
    found = read_json(tm, "logs", str(job_ids[0]))
    assert (found["stdout"], found["stderr"]) == ("looking\n", "Traceback\n")
    assert tm("logs", "-f", str(job_ids[0])).exit_code == 1


def test_logs_follow_a_job_until_it_has_ended(
    settings: Settings, database: Database, job_ids: list[int]
) -> None:
    taken = take(database, job_ids[0])
    following = subprocess.Popen(
        [sys.executable, "-m", "tmserver", "logs", str(job_ids[0]), "--follow"],
        env=os.environ
        | {"TM_DATA_DIR": str(settings.data_dir), "TM_DATABASE_URL": str(settings.database_url)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert following.stderr is not None
    assert following.stdout is not None
    assert "running on node1" in following.stderr.readline()
    with database.transaction() as session:
        assert job_log.keep(session, taken.job_id, taken.attempt, Tail("so far\n"), Tail())
    assert following.stdout.readline() == "so far\n"
    end(database, taken, Outcome(0, stdout="so far\nall is well\n"))
    stdout, stderr = following.communicate(timeout=60)
    assert (following.returncode, stdout) == (0, "all is well\n")
    assert "done on node1" in stderr


def test_what_failed_is_retried(
    tm: Tm, database: Database, job_ids: list[int], queue: CeleryQueue
) -> None:
    assert "still running" in tm("retry", "screen").stderr
    fail(database, job_ids[0])
    for job_id in job_ids[1:]:
        end(database, take(database, job_id), Outcome(0))
    assert read_json(tm, "jobs", "--state", "running") == {"jobs": [], "has_more": False}
    n_messages = queue.depth()
    workflow = read_json(tm, "retry", "screen")
    assert (workflow["experiment"], workflow["waiting"], workflow["failed"]) == ("screen", 1, 0)
    assert queue.depth() == n_messages + 1
    [waiting] = read_json(tm, "jobs", "--state", "waiting")["jobs"]
    assert waiting["id"] == job_ids[0]


def test_a_workflow_is_killed_when_the_operator_is_sure(
    tm: Tm, database: Database, experiment: Experiment, job_ids: list[int]
) -> None:
    take(database, job_ids[0])
    refused = tm("kill", "screen")
    assert refused.exit_code == 1
    assert "of which 1 jobs run?" in refused.output
    assert len(read_json(tm, "jobs", "--state", "running")["jobs"]) == 1
    result = tm("kill", str(experiment.id), "--yes")
    assert (result.exit_code, result.stdout) == (0, "Workflow 1 of screen is killed.\n")
    assert "is running" in tm("kill", "screen", "--yes").stderr
    shown = tm("retry", "screen")
    assert shown.stdout.startswith("Workflow 1 of screen goes on with 3 jobs")
    assert read_json(tm, "kill", "screen")["state"] == "killed"


def test_an_experiment_that_could_be_several_is_named_by_its_number(
    tm: Tm, database: Database, experiment: Experiment, queue: CeleryQueue
) -> None:
    with database.transaction() as session:
        other = User(name="bob", email="bob@example.org", password_hash="-")
        session.add(other)
        session.flush()
        columns = {"microscope_type": "cellvoyager", "workflow_type": "canonical"}
        more = {"plate_format": 96, "plate_acquisition_mode": "basic"}
        session.add(Experiment(name="screen", user_id=other.id, **columns, **more))
    for command in ("retry", "kill"):
        assert "several" in tm(command, "screen").stderr
        assert tm(command, str(experiment.id)).exit_code == 1
        assert "no experiment" in tm(command, "nothing").stderr


def test_retry_says_that_there_is_nobody_to_send_jobs_to(
    tm: Tm, database: Database, experiment: Experiment
) -> None:
    assert "TM_BROKER_URL" in tm("retry", "screen").stderr


def test_a_terminal_gets_plain_lines_that_fit(
    settings: Settings, database: Database, job_ids: list[int]
) -> None:
    fail(database, job_ids[0])
    main, terminal = pty.openpty()
    shown = subprocess.run(
        ["sh", "-c", 'stty cols 80; "$0" -m tmserver jobs', sys.executable],
        env={name: value for name, value in os.environ.items() if name != "COLUMNS"}
        | {"TM_DATA_DIR": str(settings.data_dir), "TM_DATABASE_URL": str(settings.database_url)},
        stdin=terminal,
        stdout=terminal,
        check=True,
    )
    assert shown.returncode == 0
    os.close(terminal)
    text = os.read(main, 100_000).decode()
    os.close(main)
    lines = text.splitlines()
    assert max(len(line) for line in lines) <= 80
    assert "\x1b" not in text
    [number] = [n for n, line in enumerate(lines) if "failed" in line]
    assert lines[number].split()[:2] == [str(job_ids[0]), "failed"]
    assert lines[number + 1] == '    screen: The file "a.png" is truncated: send it again.'


def test_the_queue_of_another_folder_is_not_taken(tm: Tm, tmp_path: Path) -> None:
    result = tm("status", "--json", TM_DATA_DIR=str(tmp_path / "elsewhere"))
    assert json.loads(result.stdout)["queues"][0]["messages"] is None
