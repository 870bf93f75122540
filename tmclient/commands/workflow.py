"""Workflows and jterator projects."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from tmclient.commands.places import FILE, FOLDER
from tmclient.commands.session import (
    ClientSession,
    console,
    pass_session,
    print_log,
    print_table,
    resource_group,
)
from tmclient.errors import ResourceError, WorkflowFailed
from tmclient.progress import step_statuses, watch_workflow

_STEPS = 2
"""Depth of the steps in a status tree; steps say why they failed."""

_STATUS = {
    "ID": "id",
    "Name": "indented_name",
    "Type": "type",
    "Created": "created_at",
    "Finished": "updated_at",
    "State": "state",
    "Done (%)": "rounded_percent",
    "Skipped": "n_jobs_skipped",
    "Exitcode": "exitcode",
    "Wall Time": "time",
    "CPU Time": "cpu_time",
    "Memory (MB)": "memory",
}
_LESS_IMPORTANT = ("Type", "Memory (MB)", "CPU Time", "Finished", "Created", "Exitcode", "ID")
_JOB = {
    "Name": "name",
    "State": "state",
    "Skipped": "skipped",
    "Done because": "reason",
    "Exitcode": "exitcode",
    "Wall Time": "time",
    "Error": "error",
}
_FORCE = click.option(
    "--force", is_flag=True, help="Repeat everything, even jobs whose results are current."
)

workflow = resource_group("workflow", "Describe, start, watch and stop the workflow.")


@workflow.command("download")
@click.option("--file", "path", type=FILE, required=True, help="YAML file to write.")
@pass_session
def download_description(session: ClientSession, path: Path) -> None:
    """Write the description of the next workflow into a file, to be edited."""
    session.client.workflow.download_description_file(path)


@workflow.command("upload")
@click.option("--file", "path", type=FILE, required=True, help="YAML file to read.")
@pass_session
def upload_description(session: ClientSession, path: Path) -> None:
    """Set the description of the next workflow from a file."""
    session.client.workflow.upload_description_file(path)


@workflow.command("submit")
@_FORCE
@pass_session
def submit(session: ClientSession, force: bool) -> None:
    """Start the workflow; jobs whose results are current are skipped."""
    click.echo(f"Submission {session.client.workflow.submit(force=force)}")


@workflow.command("resubmit")
@click.option(
    "-s", "--stage", "stage_name", help="The stage to begin with; the first one if not given."
)
@_FORCE
@pass_session
def resubmit(session: ClientSession, stage_name: str | None, force: bool) -> None:
    """Run the workflow again from a stage on; jobs whose results are current are skipped."""
    click.echo(f"Submission {session.client.workflow.resubmit(stage_name, force=force)}")


@workflow.command("retry")
@pass_session
def retry(session: ClientSession) -> None:
    """Repeat only the jobs that failed or were killed, and continue from there."""
    click.echo(f"Submission {session.client.workflow.retry()}")


@workflow.command("kill")
@pass_session
def kill(session: ClientSession) -> None:
    """Stop the workflow."""
    session.client.workflow.kill()


@workflow.command("status")
@click.option("--depth", type=click.IntRange(min=0), default=2, show_default=True)
@click.option("--watch", is_flag=True, help="Show bars until the workflow has ended.")
@pass_session
def status(session: ClientSession, depth: int, watch: bool) -> None:
    """Show the status of the workflow, and why it failed; the exit code is 3 if it did."""
    if watch:
        found: dict[str, Any] | None = watch_workflow(session.client, console())
    else:
        found = session.client.workflow.get_status(depth)
    if found is None:
        raise ResourceError("No workflow of this experiment was submitted yet.")
    if not watch:
        rows = [[row.get(key) for key in _STATUS.values()] for row in _rows(found, "")]
        print_table(list(_STATUS), rows, _LESS_IMPORTANT)
    if found["failed"]:
        whole = found if depth >= _STEPS else session.client.workflow.get_status(_STEPS)
        raise WorkflowFailed(describe_failure(whole or found))


@workflow.command("jobs")
@click.option("-s", "--step", "step_name", required=True)
@pass_session
def jobs(session: ClientSession, step_name: str) -> None:
    """List the jobs of a step: which were skipped, and why others had to run."""
    found = session.client.workflow.get_jobs(step_name)
    rows = [[job.get(key) for key in _JOB.values()] for job in found]
    print_table(list(_JOB), rows, ("Wall Time", "Exitcode"))


@workflow.command("log")
@click.option("-s", "--step", "step_name", required=True)
@click.option(
    "-n", "--name", required=True, help="Name of the job, for example imextract_run_0000001."
)
@pass_session
def log(session: ClientSession, step_name: str, name: str) -> None:
    """Show what a job printed."""
    print_log(session.client.workflow.get_job_log(step_name, name))


jtproject = resource_group("jtproject", "Download and upload the jterator project.")


@jtproject.command("download")
@click.option("--directory", type=FOLDER, required=True)
@pass_session
def download_project(session: ClientSession, directory: Path) -> None:
    """Write pipeline.yaml and the handles into a folder."""
    session.client.jterator_project.download_files(directory)


@jtproject.command("upload")
@click.option("--directory", type=FOLDER, required=True)
@pass_session
def upload_project(session: ClientSession, directory: Path) -> None:
    """Replace the project with the pipeline.yaml and the handles of a folder."""
    session.client.jterator_project.upload_files(directory)


def describe_failure(status: dict[str, Any]) -> str:
    """Describe which steps of a failed workflow failed, and why."""
    lines = ["The workflow failed."]
    for step in step_statuses(status):
        if step.n_failed:
            lines.append(f"Step {step.name}, {step.n_failed} of {step.n_jobs} jobs:")
            lines += [f"  - {error}" for error in dict.fromkeys(step.errors)]
    return "\n".join(lines)


def _rows(task: dict[str, Any] | None, indent: str) -> Iterator[dict[str, Any]]:
    """A task and all tasks below it, indented by their depth."""
    if task is None:
        return
    percent = f"{task['percent_done']:.2f}"
    yield {**task, "indented_name": indent + task["name"], "rounded_percent": percent}
    for part in task["subtasks"]:
        yield from _rows(part, indent + "  ")
