"""``tm worker``: pools of workers, on any host of a cluster."""

import os

import click

from tmlib.errors import BadInput
from tmlib.ledger import worker_pools as registry
from tmlib.ledger.queue import INTERACTIVE_QUEUE, JOB_QUEUE
from tmlib.settings import Settings
from tmserver.schema_version import refuse_other_version
from tmserver.supervisor import pools


@click.command()
@click.option(
    "--processes",
    type=click.IntRange(min=0),
    help="Number of worker processes for workflows.  [default: one per core]",
)
@click.option(
    "--interactive-processes",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Number of worker processes for tools, which do not wait for workflows.",
)
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    help="Seconds that jobs may go on after SIGTERM.  [default: TM_DRAIN_SECONDS]",
)
@click.pass_context
def worker(
    context: click.Context,
    processes: int | None,
    interactive_processes: int,
    grace: float | None,
) -> None:
    """Run jobs of the installation that TM_BROKER_URL and TM_DATABASE_URL name.

    After SIGTERM or Ctrl-C no more jobs are taken, and those that run have a while to end;
    others do again what has not ended by then. A second signal does not wait.
    """
    settings = Settings()
    if settings.broker_url is None:
        raise BadInput(
            "TM_BROKER_URL is not set: set it to the URL of your Redis, or use `tm serve`, which "
            "runs its own workers."
        )
    refuse_other_version(settings)
    if processes is None:
        processes = os.cpu_count() or 1
    sizes = {JOB_QUEUE: processes, INTERACTIVE_QUEUE: interactive_processes}
    commands = [
        pools.command(queue, size, log_level="INFO") for queue, size in sizes.items() if size
    ]
    if not commands:
        raise BadInput("There is nothing to do with --processes 0 and --interactive-processes 0.")
    environment = os.environ | {registry.MAY_END: "1"}
    if grace is not None:
        environment["TM_DRAIN_SECONDS"] = str(grace)
    context.exit(pools.run(commands, environment))
