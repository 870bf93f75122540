"""``tm status``: what the installation does at the moment."""

import time
from datetime import timedelta

import click

from tmlib.ledger.models import JobStatus
from tmlib.settings import Settings
from tmlib.workflow.latest_workflows import WorkflowProgress
from tmserver.commands.output import duration, print_hosts, print_json, print_table
from tmserver.commands.user import open_database
from tmserver.monitoring import snapshot
from tmserver.monitoring.queues import Carrier
from tmserver.monitoring.snapshot import Snapshot

_DAY = timedelta(days=1)
_WATCH_SECONDS = 2.0
_CARRIERS: dict[Carrier, str] = {"redis": "Redis", "files": "files of the data folder"}


@click.command()
@click.option("--all", "everything", is_flag=True, help="Also workflows that ended long ago.")
@click.option("-w", "--watch", is_flag=True, help="Show it every 2 seconds, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(everything: bool, watch: bool, as_json: bool) -> None:
    """Show queues, hosts, and workflows that run or ended within a day.

    Reads the database and the queues; the web server need not run.
    """
    with open_database() as database:
        while True:
            ended_within = None if everything else _DAY
            found = snapshot.take(database, Settings(), ended_within=ended_within)
            if watch:
                click.clear()
            if as_json:
                print_json(found)
            else:
                _show(found)
            if not watch:
                return
            time.sleep(_WATCH_SECONDS)


def _show(found: Snapshot) -> None:
    print_table(
        f"Queues, carried by {_CARRIERS[found.carrier]}",
        ("QUEUE", "MESSAGES", "WAITING", "RUNNING"),
        [(queue.name, queue.messages, queue.waiting, queue.running) for queue in found.queues],
    )
    click.echo()
    print_hosts(found.hosts)
    click.echo()
    print_table(
        "Workflows",
        (
            "ID",
            "STATE",
            "DONE",
            "WAIT",
            "RUN",
            "FAILED",
            "SKIPPED",
            "PER MIN",
            "LEFT",
            "EXPERIMENT",
        ),
        [_row(workflow) for workflow in found.workflows],
    )


def _row(workflow: WorkflowProgress) -> tuple[object, ...]:
    name = workflow.experiment
    if workflow.steps:
        name = f"{name}: {', '.join(workflow.steps)}"
    elif workflow.state is JobStatus.DONE and workflow.failed:
        name = f"{name}: ended with failed jobs"
    return (
        workflow.experiment_id,
        workflow.state,
        f"{workflow.percent_done:.1f}%",
        workflow.waiting,
        workflow.running,
        workflow.failed,
        workflow.skipped,
        None if workflow.per_minute is None else round(workflow.per_minute, 1),
        duration(workflow.seconds_left),
        name,
    )
