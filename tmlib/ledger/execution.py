"""Runs one job: takes it from the ledger, works, and commits its effects with its end.

The worker's process does nothing else meanwhile; what must not go on is ended by its guard.
"""

import contextlib
import logging
import os
import resource
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy.orm import Session

from tmlib.db import Database
from tmlib.ledger import engine, failures
from tmlib.ledger.advance import EXIT_FAILED
from tmlib.ledger.engine import Claim, LeaseLost, Outcome
from tmlib.ledger.guard import Guard
from tmlib.ledger.interactive import InteractiveJob
from tmlib.ledger.limits import Limits, limited_threads
from tmlib.ledger.models import WORKFLOW
from tmlib.ledger.output import Output
from tmlib.ledger.queue import Queue
from tmlib.settings import Settings
from tmlib.workflow import fingerprints
from tmlib.workflow.description import WorkflowDescription
from tmlib.workflow.fingerprints import Cut
from tmlib.workflow.programs import PROGRAMS
from tmlib.workflow.steps import STEPS
from tmlib.workflow.steps.base import Effect, JobContext

logger = logging.getLogger(__name__)

_LONGER = 4
_PROGRESS_SECONDS = 0.5


@dataclass(frozen=True)
class Worker:
    """Somebody who runs jobs: the same database, queue and settings for all of them.

    Without a guard jobs run to their end, whatever they take.
    """

    database: Database
    queue: Queue
    settings: Settings
    guard: Guard | None = None

    def run(self, job_id: int) -> None:
        """Run a job if it is still to be done, and enqueue what follows from it."""
        with self.database.transaction() as session:
            claim = engine.claim(
                session,
                job_id,
                worker=f"{socket.gethostname()}:{os.getpid()}",
                host=socket.gethostname(),
                lease=self.settings.lease_seconds,
            )
        if claim is None:
            return
        context = JobContext(
            self.database,
            self.settings,
            claim.experiment_id,
            force=claim.force,
            progress=_Progress(self.database, claim),
        )
        limits = Limits.of(claim.description, claim.step_name, claim.phase)
        with self._guarded(claim, limits) as output, limited_threads(limits.cores):
            outcome = _observed(output, lambda: _call(claim, context))
        try:
            job_ids = self._commit(claim, context, outcome)
        except LeaseLost:
            logger.warning("Job %s was taken over by another worker.", claim.name)
            return
        except Exception as error:  # noqa: BLE001 - whatever an effect raises is the job's failure
            job_ids = self._commit_failure(claim, outcome, error)
        else:
            _clean_up(context.afterwards)
        self.queue.enqueue(job_ids)

    def _commit(self, claim: Claim, context: JobContext, outcome: Outcome) -> list[int]:
        """Apply a job's effects and mark it as done, both or neither."""
        with self.database.transaction() as session:
            effects = () if outcome.exitcode else context.effects
            return self._end(session, claim, outcome, effects)

    def _commit_failure(self, claim: Claim, outcome: Outcome, error: Exception) -> list[int]:
        failed = _failed(outcome, error)
        with self.database.transaction() as session:
            try:
                return self._end(session, claim, failed)
            except LeaseLost:
                return []

    def _end(
        self, session: Session, claim: Claim, outcome: Outcome, effects: Sequence[Effect] = ()
    ) -> list[int]:
        """Mark a job as done, or put it back when its failure may pass."""
        if not outcome.may_pass:
            return engine.finish(session, claim.job_id, claim.attempt, outcome, effects)
        if claim.tries < self.settings.max_attempts:
            pause = self.settings.retry_seconds * _LONGER ** (claim.tries - 1)
            waiting = replace(
                outcome, error=f"{outcome.error} It is tried again after {pause:g} seconds."
            )
            engine.postpone(session, claim.job_id, claim.attempt, waiting, pause)
            return []
        error = f"{outcome.error} It was tried {claim.tries} times."
        final = replace(outcome, error=error, stderr=f"{outcome.stderr}{error}\n")
        return engine.finish(session, claim.job_id, claim.attempt, final)

    @contextlib.contextmanager
    def _guarded(self, claim: Claim, limits: Limits) -> Iterator[Output]:
        if self.guard is None:
            with Output() as output:
                yield output
            return
        with self.guard.watching(claim, limits):
            yield self.guard.output


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
            engine.report_progress(session, self._claim.job_id, self._claim.attempt, share_done)


def _call(claim: Claim, context: JobContext) -> Cut | None:
    if claim.program != WORKFLOW:
        job = InteractiveJob(
            claim.submission_id, claim.user_id, claim.name, claim.description, claim.batch
        )
        PROGRAMS[claim.program](context, job)
        return None
    description = WorkflowDescription.from_dict(claim.description)
    context.arguments = description.arguments_of(claim.step_name)
    step = STEPS[claim.step_name]
    if claim.phase == "init":
        return fingerprints.cut(context, step)
    if claim.phase == "collect":
        step.collect(context)
    else:
        step.run(context, claim.batch)
    context.effects.append(
        partial(
            fingerprints.record, context=context, step=step, phase=claim.phase, batch=claim.batch
        )
    )
    return None


def _observed(output: Output, work: Callable[[], Cut | None]) -> Outcome:
    """Do the work, and note what it printed, how long it took and what it used."""
    handler = logging.StreamHandler(output.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    job_logger = logging.getLogger("tmlib")
    job_logger.addHandler(handler)
    level = job_logger.level
    job_logger.setLevel(logging.INFO)
    started, cpu_started = time.monotonic(), time.process_time()
    outcome = Outcome(exitcode=0)
    try:
        with (
            contextlib.redirect_stdout(output.stdout),
            contextlib.redirect_stderr(output.stderr),
        ):
            cut = work()
        if cut is not None:
            outcome = replace(outcome, batches=cut.batches, verdicts=cut.verdicts)
    except Exception as error:  # noqa: BLE001 - every failure of a job is stored with the job
        outcome = _failed(outcome, error)
    finally:
        job_logger.removeHandler(handler)
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


def _failed(outcome: Outcome, error: Exception) -> Outcome:
    """The outcome of a job that raised: a clear sentence, and the traceback for the log."""
    message = failures.sentence(error)
    detail = message or "".join(traceback.format_exception(error)).rstrip()
    return replace(
        outcome,
        exitcode=EXIT_FAILED,
        error=message or failures.unforeseen(error),
        stderr=f"{outcome.stderr}{detail}\n",
        batches=None,
        verdicts=None,
        may_pass=failures.may_pass(error),
    )


def _peak_memory() -> int:
    """Peak memory of this process in MB; the operating systems count in different units."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak / 2**20 if sys.platform == "darwin" else peak / 2**10)


def _clean_up(actions: list[Callable[[], object]]) -> None:
    for action in actions:
        try:
            action()
        except OSError:
            logger.exception("Could not remove files that are no longer needed.")
