"""``tm serve``: the whole product on one machine."""

import signal
from types import FrameType

import click

from tmlib import logs
from tmlib.settings import Settings
from tmserver.supervisor import Supervisor


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=5002,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    help="Number of worker processes for workflows.  [default: one per core]",
)
@click.option(
    "--interactive-processes",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Number of worker processes for tools, which do not wait for workflows.",
)
def serve(host: str, port: int, processes: int | None, interactive_processes: int) -> None:
    """Run web server and workers.

    What dies is started again. SIGTERM stops all of them: running jobs have TM_DRAIN_SECONDS to
    end. So does Ctrl-C, with a few seconds for jobs; a second one does not wait.
    """
    settings = Settings()
    logs.configure(settings)
    supervisor = Supervisor(
        settings, host, port, processes, interactive_processes=interactive_processes
    )

    def stop(number: int, frame: FrameType | None) -> None:
        supervisor.stop()

    def interrupt(number: int, frame: FrameType | None) -> None:
        supervisor.interrupt()

    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, stop)
    with supervisor:
        click.echo(f"tmserver listens on {supervisor.url} (stop it with Ctrl-C)")
        supervisor.run()
