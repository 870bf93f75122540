"""``tm worker``: pools of workers, on any host of a cluster."""

import os

import click

from tmlib.errors import BadInput
from tmlib.settings import Settings
from tmlib.workflow.queue import INTERACTIVE_QUEUE, JOB_QUEUE
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
@click.pass_context
def worker(context: click.Context, processes: int | None, interactive_processes: int) -> None:
    """Run jobs of the installation that TM_BROKER_URL and TM_DATABASE_URL name.

    SIGTERM lets running jobs end and then stops; a job that is cut off is started again by
    another worker.
    """
    settings = Settings()
    if settings.broker_url is None:
        raise BadInput(
            "TM_BROKER_URL is not set: set it to the URL of your Redis, or use `tm serve`, which "
            "runs its own workers."
        )
    if processes is None:
        processes = os.cpu_count() or 1
    sizes = {JOB_QUEUE: processes, INTERACTIVE_QUEUE: interactive_processes}
    commands = [
        pools.command(queue, size, log_level="INFO") for queue, size in sizes.items() if size
    ]
    if not commands:
        raise BadInput("There is nothing to do with --processes 0 and --interactive-processes 0.")
    context.exit(pools.run(commands))
