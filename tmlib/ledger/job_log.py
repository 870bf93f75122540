"""What jobs print, in the ledger: written while they run, and read from where one had come to."""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Self

from sqlalchemy import literal, select, update
from sqlalchemy.orm import Session

from tmlib.errors import BadInput, NotFound
from tmlib.ledger import holding, owners
from tmlib.ledger.models import Job, State
from tmlib.ledger.output import Tail
from tmlib.ledger.owners import Owner

_CURSOR = re.compile(r"(\d{1,9})-(\d{1,18})-(\d{1,18})", re.ASCII)


@dataclass(frozen=True)
class JobLog:
    """What an attempt at a job has printed, or what is new of it.

    Attributes
    ----------
    attempt
        Which one.
    is_live
        Whether more may come.
    stdout, stderr
        What was printed, as far as the ledger keeps it.
    continues
        Whether this goes on where a reader had come to; else it is all that there is.
    """

    attempt: int
    is_live: bool
    stdout: Tail
    stderr: Tail
    continues: bool = False

    @property
    def cursor(self) -> str:
        """Where a reader of this has come to."""
        return f"{self.attempt}-{self.stdout.end}-{self.stderr.end}"

    def after(self, cursor: str | None) -> Self:
        """What a reader who has come to here has not seen: all of it, if it is another attempt's.

        Raises
        ------
        BadInput
            If it is not a cursor.
        """
        if cursor is None:
            return self
        match = _CURSOR.fullmatch(cursor)
        if match is None:
            raise BadInput(f'"{cursor}" is no cursor: send one that came with a log, or none.')
        attempt, n_stdout, n_stderr = map(int, match.groups())
        if attempt != self.attempt or n_stdout > self.stdout.end or n_stderr > self.stderr.end:
            return self
        return replace(
            self,
            stdout=self.stdout.after(n_stdout),
            stderr=self.stderr.after(n_stderr),
            continues=True,
        )


def columns(stdout: Tail, stderr: Tail) -> dict[str, object]:
    """The columns of a job that hold its log."""
    stdout, stderr = stdout.cut(), stderr.cut()
    return {
        "stdout": stdout.text,
        "stdout_start": stdout.start,
        "stderr": stderr.text,
        "stderr_start": stderr.start,
    }


EMPTY = columns(Tail(), Tail())
"""Those of a job that has not begun."""


def keep(session: Session, job_id: int, attempt: int, stdout: Tail, stderr: Tail) -> bool:
    """Write down what a running job has printed; False when it is no longer this attempt's."""
    result = session.execute(
        update(Job)
        .where(*holding.held(literal(job_id), literal(attempt)))
        .values(**columns(stdout, stderr))
        .returning(Job.id)
    )
    return result.one_or_none() is not None


def read(
    session: Session, job_id: int, owner: Owner | None = None, without: Collection[str] = ()
) -> JobLog:
    """What a job has printed so far.

    Parameters
    ----------
    session
        To read with.
    job_id
        Which job.
    owner
        Only if it is of this one.
    without
        Only if it is of none of these steps and programs.

    Raises
    ------
    NotFound
        If there is no such job.
    """
    query = select(
        *(Job.attempt, Job.state, Job.stdout, Job.stdout_start, Job.stderr, Job.stderr_start)
    ).where(Job.id == job_id)
    if owner is not None:
        query = query.where(owners.of(Job, owner))
    if without:
        query = query.where(Job.step_name.not_in(without))
    row = session.execute(query).one_or_none()
    if row is None:
        raise NotFound("There is no such job: look at the list of jobs.")
    return JobLog(
        attempt=row.attempt,
        is_live=row.state is not State.TERMINATED,
        stdout=Tail(row.stdout, row.stdout_start),
        stderr=Tail(row.stderr, row.stderr_start),
    )
