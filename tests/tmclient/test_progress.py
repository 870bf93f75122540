import io
import json
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from tests.tmclient.scripted_server import Answer, ScriptedServer
from tmclient import ResourceError, TmClient
from tmclient.command_line import cli
from tmclient.progress import watch_workflow

EXPERIMENT = Answer({"data": [{"id": "MQ==", "name": "e"}]})


def status(state: str, *steps: dict[str, Any]) -> Answer:
    done = state == "TERMINATED"
    failed = any(step["n_jobs_failed"] for step in steps)
    stage = {"name": "stage", "percent_done": 0.0, "subtasks": steps}
    workflow = {"name": "e", "percent_done": 0.0, "subtasks": [stage]}
    return Answer({"data": workflow | {"done": done, "failed": failed}})


def step(
    name: str, state: str, done: int, total: int, failed: int = 0, skipped: int = 0
) -> dict[str, Any]:
    counts = {"n_jobs": total, "n_jobs_done": done, "n_jobs_failed": failed}
    counts |= {"n_jobs_skipped": skipped}
    return {
        "name": name,
        "state": state,
        "time": None,
        "percent_done": 0.0,
        "subtasks": [],
    } | counts


def test_lines_tell_what_has_changed(server: ScriptedServer, client: TmClient) -> None:
    busy = Answer(status=None)
    server.script(
        EXPERIMENT,
        status("SUBMITTED", step("imextract", "NEW", 0, 0)),
        status("RUNNING", step("imextract", "RUNNING", 1, 3)),
        status("RUNNING", step("imextract", "RUNNING", 1, 3)),
        busy,
        status("TERMINATED", step("imextract", "TERMINATED", 3, 3, skipped=2)),
    )
    output = io.StringIO()
    end = watch_workflow(client, Console(file=output, width=100), interval=0)
    assert [line.split() for line in output.getvalue().splitlines()] == [
        ["imextract", "1/3", "jobs", "running"],
        ["imextract", "3/3", "jobs", "done,", "2", "skipped"],
    ]
    assert end["done"]


def test_bars_end_full_or_failed(server: ScriptedServer, client: TmClient) -> None:
    server.script(
        EXPERIMENT,
        status("RUNNING", step("imextract", "RUNNING", 1, 3), step("corilla", "NEW", 0, 0)),
        status(
            "TERMINATED",
            step("imextract", "TERMINATED", 3, 3),
            step("corilla", "TERMINATED", 2, 2, failed=1),
        ),
    )
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, color_system=None, width=100)
    watch_workflow(client, console, interval=0)
    *_, first, second = [line for line in output.getvalue().splitlines() if "/" in line]
    assert "imextract" in first
    assert "3/3" in first
    assert "done" in first
    assert "corilla" in second
    assert "failed" in second


def test_the_time_of_a_step_that_has_ended_is_what_it_took(
    server: ScriptedServer, client: TmClient
) -> None:
    server.script(
        EXPERIMENT,
        status("TERMINATED", step("imextract", "TERMINATED", 3, 3) | {"time": "1:02:03"}),
    )
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, color_system=None, width=100)
    watch_workflow(client, console, interval=0)
    assert "1:02:03" in output.getvalue()


def test_work_is_forced_and_jobs_say_why_they_were_done(server: ScriptedServer) -> None:
    def tm_client(*words: str) -> str:
        login = ["--host", server.url, "--user", "ada", "--password", "lovelace"]
        result = CliRunner().invoke(cli, [*login, "workflow", "-e", "e", *words])
        assert result.exit_code == 0, result.output
        return result.output

    for words in (["submit"], ["submit", "--force"], ["resubmit"], ["resubmit", "--force"]):
        server.script(EXPERIMENT, Answer({"message": "ok", "submission_id": 7}))
        assert tm_client(*words) == "Submission 7\n"
        assert server.requests[-1].path.endswith(f"/workflow/{words[0]}")
        assert json.loads(server.requests[-1].body) == ({"force": True} if words[1:] else {})
    jobs = [
        {"name": "corilla_run_0000001", "state": "TERMINATED", "skipped": True, "reason": None},
        {"name": "corilla_run_0000002", "state": "NEW", "skipped": False, "reason": "new light"},
    ]
    server.script(EXPERIMENT, Answer({"data": jobs}))
    first, second = [
        line for line in tm_client("jobs", "-s", "corilla").splitlines() if "run" in line
    ]
    assert "True" in first
    assert "new light" in second


def test_nothing_submitted_is_named(server: ScriptedServer, client: TmClient) -> None:
    server.script(EXPERIMENT, Answer({"data": None}))
    with pytest.raises(ResourceError, match="No workflow"):
        watch_workflow(client, Console(quiet=True), interval=0)


@pytest.mark.parametrize("options", [["--watch"], [], ["--depth", "0"]])
def test_a_workflow_that_fails_says_why_and_ends_with_3(
    server: ScriptedServer, options: list[str]
) -> None:
    failed = step("corilla", "TERMINATED", 2, 2, failed=1) | {"errors": ["No light."]}
    server.script(EXPERIMENT, status("TERMINATED", failed))
    words = ["--host", server.url, "--user", "ada", "--password", "lovelace"]
    result = CliRunner().invoke(cli, [*words, "workflow", "-e", "e", "status", *options])
    assert result.exit_code == 3
    assert ("Done (%)" in result.stdout) == (options != ["--watch"])
    assert result.stderr.splitlines() == [
        "Error: The workflow failed.",
        "Step corilla, 1 of 2 jobs:",
        "  - No light.",
    ]
