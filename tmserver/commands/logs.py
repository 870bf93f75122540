"""``tm logs``: what a job has printed."""

import time

import click

from tmlib.db import Database, clock
from tmlib.ids import decode_id
from tmlib.ledger import job_list, job_log
from tmlib.ledger.job_list import JobLine
from tmlib.ledger.job_log import JobLog
from tmlib.ledger.models import JobStatus
from tmserver.commands.output import duration, job_dict, print_json
from tmserver.commands.user import open_database

_POLL_SECONDS = 1.0
_LIVE = (JobStatus.NEW, JobStatus.WAITING, JobStatus.RUNNING)


@click.command()
@click.argument("job")
@click.option("-f", "--follow", is_flag=True, help="Go on until the job has ended.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def logs(context: click.Context, job: str, follow: bool, as_json: bool) -> None:
    """Show what the job of this number has printed, also while it runs.

    What it printed goes to standard output; which job it is and its state, to standard error.
    With --follow the exit code tells whether it ended well, and --json prints at its end.
    """
    job_id = decode_id(job)
    with open_database() as database:
        reader = _Reader(database, job_id, quiet=as_json)
        reader.read()
        while follow and reader.line.state in _LIVE:
            time.sleep(_POLL_SECONDS)
            reader.read()
    if as_json:
        printed = {"stdout": reader.log.stdout.text, "stderr": reader.log.stderr.text}
        print_json(job_dict(reader.line) | printed)
    if follow and reader.line.state is not JobStatus.DONE:
        context.exit(1)


class _Reader:
    """Reads a job again and again, and prints what is new about it."""

    line: JobLine
    log: JobLog

    def __init__(self, database: Database, job_id: int, *, quiet: bool) -> None:
        self._database = database
        self._job_id = job_id
        self._quiet = quiet
        self._told = ""
        self._cursor: str | None = None

    def read(self) -> None:
        """Ask the ledger, and print what was not there before."""
        with self._database.session() as session:
            self.line = job_list.get_job(session, clock.read(session), self._job_id)
            self.log = job_log.read(session, self._job_id)
        if self._quiet:
            return
        told = _describe(self.line)
        if told != self._told:
            click.echo(told, err=True)
            self._told = told
        new = self.log.after(self._cursor)
        self._cursor = self.log.cursor
        click.echo(new.stdout.text + new.stderr.text, nl=False)


def _describe(job: JobLine) -> str:
    text = f"Job {job.id}, {job.name} of {job.owner_name}: {job.state}"
    if job.host is not None:
        text += f" on {job.host}"
    if job.attempt > 1:
        text += f", attempt {job.attempt}"
    if job.state not in _LIVE and job.seconds is not None:
        text += f", {duration(job.seconds)}"
    return text
