"""``tm logs``: what a job has printed."""

import time
from dataclasses import asdict

import click

from tmlib.db import Database
from tmlib.db.base import now
from tmlib.ids import decode_id
from tmlib.workflow import overview
from tmlib.workflow.overview import JobLine, Standing
from tmserver.commands.output import duration, print_json
from tmserver.commands.user import open_database

_POLL_SECONDS = 1.0
_LIVE = (Standing.NEW, Standing.WAITING, Standing.RUNNING)


@click.command()
@click.argument("job")
@click.option("-f", "--follow", is_flag=True, help="Wait until the job has ended.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def logs(context: click.Context, job: str, follow: bool, as_json: bool) -> None:
    """Show what the job of this number has printed.

    What it printed goes to standard output; which job it is and how it stands, to standard error.
    With --follow the exit code tells whether it ended well.
    """
    job_id = decode_id(job)
    with open_database() as database:
        reader = _Reader(database, job_id, quiet=as_json)
        reader.read()
        while follow and reader.line.state in _LIVE:
            time.sleep(_POLL_SECONDS)
            reader.read()
    if as_json:
        print_json(asdict(reader.line) | {"stdout": reader.stdout, "stderr": reader.stderr})
    if follow and reader.line.state is not Standing.DONE:
        context.exit(1)


class _Reader:
    """Reads a job again and again, and prints what is new about it."""

    line: JobLine

    def __init__(self, database: Database, job_id: int, *, quiet: bool) -> None:
        self._database = database
        self._job_id = job_id
        self._quiet = quiet
        self._told = ""
        self.stdout = ""
        self.stderr = ""

    def read(self) -> None:
        """Ask the ledger, and print what was not there before."""
        before = self.stdout, self.stderr
        with self._database.session() as session:
            self.line = overview.get_job(session, now(), self._job_id)
            self.stdout, self.stderr = overview.job_output(session, self._job_id)
        if self._quiet:
            return
        told = _describe(self.line)
        if told != self._told:
            click.echo(told, err=True)
            self._told = told
        for earlier, text in zip(before, (self.stdout, self.stderr), strict=True):
            # another attempt starts from nothing
            click.echo(text.removeprefix(earlier), nl=False)


def _describe(job: JobLine) -> str:
    text = f"Job {job.id}, {job.name} of {job.experiment}: {job.state}"
    if job.host is not None:
        text += f" on {job.host}"
    if job.attempt > 1:
        text += f", attempt {job.attempt}"
    if job.state not in _LIVE and job.seconds is not None:
        text += f", {duration(job.seconds)}"
    return text
