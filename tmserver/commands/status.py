"""``tm status``: what the installation does at the moment."""

from datetime import timedelta

import click

from tmlib.db.base import now
from tmlib.settings import Settings
from tmlib.workflow.overview import Standing
from tmlib.workflow.progress import Progress
from tmserver.commands.output import duration, print_hosts, print_json, print_table
from tmserver.commands.user import open_database
from tmserver.monitoring import snapshot

_DAY = timedelta(days=1)


@click.command()
@click.option("--all", "everything", is_flag=True, help="Also workflows that ended long ago.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(everything: bool, as_json: bool) -> None:
    """Show queues, hosts, and workflows that run or ended within a day.

    Reads the database and Redis; the web server need not run.
    """
    ended_after = None if everything else now() - _DAY
    with open_database() as database:
        found = snapshot.take(database, Settings(), ended_after=ended_after)
    if as_json:
        print_json(found)
        return
    print_table(
        "Queues",
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


def _row(workflow: Progress) -> tuple[object, ...]:
    name = workflow.experiment
    if workflow.steps:
        name = f"{name}: {', '.join(workflow.steps)}"
    elif workflow.state is Standing.DONE and workflow.failed:
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
