"""``tm jobs``: jobs of all experiments."""

import click

from tmlib.db import clock
from tmlib.experiments.ownership import owner
from tmlib.ledger import job_list
from tmlib.ledger.job_list import JobLine
from tmlib.ledger.models import JobStatus
from tmlib.workflow.fingerprints import NOT_DONE_BEFORE
from tmserver.commands.experiments import find_experiments
from tmserver.commands.output import duration, job_dict, print_json, print_table
from tmserver.commands.user import open_database


@click.command()
@click.option("--experiment", help="Only of the experiment with this name or number.")
@click.option(
    "--state",
    type=click.Choice([status.value for status in JobStatus]),
    help="Only jobs of this state.",
)
@click.option("--failed", is_flag=True, help="The same as --state failed.")
@click.option("--step", help="Only of this step, `jterator` for example.")
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=50,
    show_default=True,
    help="At most so many.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def jobs(
    experiment: str | None,
    state: str | None,
    failed: bool,
    step: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List jobs of workflows and tools, the latest first."""
    if failed and state not in (None, JobStatus.FAILED):
        raise click.UsageError(f"--failed and --state {state} exclude each other.")
    status = JobStatus.FAILED if failed else None if state is None else JobStatus(state)
    with open_database() as database, database.session() as session:
        found = job_list.find_jobs(
            session,
            clock.read(session),
            owners=None
            if experiment is None
            else [owner(found.id) for found in find_experiments(session, experiment)],
            state=status,
            step=step,
            limit=limit + 1,
        )
    shown = found[:limit]
    if as_json:
        print_json({"jobs": [job_dict(job) for job in shown], "has_more": len(found) > limit})
        return
    print_table(
        "Jobs",
        ("JOB", "STATE", "NAME", "TRY", "HOST", "TIME", "MB", "EXPERIMENT"),
        [_row(job) for job in shown],
    )
    if len(found) > limit:
        click.echo(f"These are the latest {limit}: --limit shows more.")


def _row(job: JobLine) -> tuple[object, ...]:
    told = job.error or (None if job.reason == NOT_DONE_BEFORE else job.reason)
    what = f"{job.owner_name}: {told}" if told else job.owner_name
    return (
        job.id,
        "skipped" if job.skipped else job.state,
        job.name,
        job.attempt,
        job.host,
        duration(job.seconds),
        job.memory_mb,
        " ".join(what.split()),
    )
