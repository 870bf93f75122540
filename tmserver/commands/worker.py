"""``tm worker``: a worker pool, on any host of a cluster."""

import os
import sys

import click

from tmlib.errors import BadInput
from tmlib.settings import Settings


@click.command()
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    help="Number of worker processes.  [default: one per core]",
)
def worker(processes: int | None) -> None:
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
    command = [sys.executable, "-m", "celery", "--app", "workers.application", "worker"]
    command += ["--concurrency", str(processes or os.cpu_count() or 1), "--loglevel", "INFO"]
    command += ["--without-gossip", "--without-mingle"]
    os.execv(sys.executable, command)  # noqa: S606 - replaces this process by our own worker
