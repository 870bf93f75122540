"""One attempt at a job: what its program is given, and what became of it."""

import contextlib
import logging
import resource
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tmlib.db import Database
from tmlib.ledger import failures, holding, programs
from tmlib.ledger.engine import Claim, Outcome
from tmlib.ledger.job_groups import Done
from tmlib.ledger.limits import Limits
from tmlib.ledger.models import EXIT_FAILED
from tmlib.ledger.output import Output
from tmlib.ledger.programs import PROGRAMS, JobContext, Part
from tmlib.settings import Settings

_PROGRESS_SECONDS = 0.5


@dataclass(frozen=True)
class Attempt:
    """What was done for a job, which is not in the ledger yet; times are of the monotonic clock."""

    claim: Claim
    context: JobContext
    outcome: Outcome
    began: float
    ended: float

    @property
    def is_plain(self) -> bool:
        """Whether the job went well, and nothing follows from it."""
        return not self.outcome.exitcode and not self.outcome.following

    @property
    def done(self) -> Done:
        """What ends the job, if it is plain."""
        return Done(self.claim, self.outcome, self.context.effects, self.began, self.ended)


def attempt(database: Database, settings: Settings, claim: Claim, output: Output) -> Attempt:
    """Do a job, whatever comes of it; nothing of that is in the ledger then."""
    began = time.monotonic()
    context = JobContext(
        database,
        settings,
        claim.owner,
        force=claim.force,
        progress=_Progress(database, claim),
    )
    outcome = _observed(output, lambda: _call(claim, context))
    return Attempt(claim, context, outcome, began, time.monotonic())


class _Progress:
    """Writes down how much of a job is done, now and then."""

    def __init__(self, database: Database, claim: Claim) -> None:
        self._database = database
        self._claim = claim
        self._next = time.monotonic() + _PROGRESS_SECONDS

    def __call__(self, share_done: float) -> None:
        moment = time.monotonic()
        if moment < self._next:
            return
        self._next = moment + _PROGRESS_SECONDS
        with self._database.transaction() as session:
            holding.report_progress(session, self._claim.job_id, self._claim.attempt, share_done)


def limits_of(claim: Claim) -> Limits:
    """What a job may take."""
    program = PROGRAMS.get(claim.program)
    if program is None:  # which is what the job fails of
        return Limits()
    return program.limits(claim.description, claim.step_name, claim.phase)


def _call(claim: Claim, context: JobContext) -> Sequence[Part]:
    return programs.get(claim.program).run(context, claim.assignment)


def _observed(output: Output, work: Callable[[], Sequence[Part]]) -> Outcome:
    """Do the work, and note what it printed, how long it took and what it used."""
    handler = logging.StreamHandler(output.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handler.setLevel(logging.INFO)
    job_logger = logging.getLogger("tmlib")
    job_logger.addHandler(handler)
    level = job_logger.level
    # to set it makes all loggers forget what they let through
    if not job_logger.isEnabledFor(logging.INFO):
        job_logger.setLevel(logging.INFO)
    started, cpu_started = time.monotonic(), time.process_time()
    outcome = Outcome(exitcode=0)
    try:
        with (
            contextlib.redirect_stdout(output.stdout),
            contextlib.redirect_stderr(output.stderr),
        ):
            outcome = replace(outcome, following=work())
    except Exception as error:  # noqa: BLE001 - every failure of a job is stored with the job
        outcome = failed(outcome, error)
    finally:
        job_logger.removeHandler(handler)
        if job_logger.level != level:
            job_logger.setLevel(level)
    stdout, stderr = output.read()
    return replace(
        outcome,
        stdout=stdout.text,
        stdout_start=stdout.start,
        stderr=stderr.text + outcome.stderr,
        stderr_start=stderr.start,
        wall_time=time.monotonic() - started,
        cpu_time=time.process_time() - cpu_started,
        memory=_peak_memory(),
    )


def failed(outcome: Outcome, error: Exception) -> Outcome:
    """The outcome of a job that raised: a clear sentence, and the traceback for the log."""
    message = failures.sentence(error)
    detail = message or "".join(traceback.format_exception(error)).rstrip()
    return replace(
        outcome,
        exitcode=EXIT_FAILED,
        # PostgreSQL's text takes no NUL
        error=(message or failures.unforeseen(error)).replace("\0", "?"),
        stderr=f"{outcome.stderr}{detail}\n".replace("\0", "?"),
        following=(),
        may_pass=failures.may_pass(error),
    )


def _peak_memory() -> int:
    """Peak memory of this process in MB; the operating systems count in different units."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak / 2**20 if sys.platform == "darwin" else peak / 2**10)
