"""Moments of a workflow, as the ledger tells them."""

import random
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from tmlib.db import Database
from tmlib.experiments.ownership import owner
from tmlib.ledger import owners
from tmlib.ledger.models import PHASE, Job, State, Submission, Task

UPLOAD = "upload"

# Before the first phase files are uploaded and the workflow is submitted.
PHASES = (
    UPLOAD,
    "metaextract_init",
    "metaextract_run",
    "metaconfig_init",
    "metaconfig_run",
    "metaconfig_collect",
    "imextract_init",
    "imextract_run",
    "imextract_collect",
    "corilla_init",
    "corilla_run",
    "illuminati_init",
    "illuminati_run",
    "illuminati_collect",
    "jterator_init",
    "jterator_run",
    "jterator_collect",
)


@dataclass(frozen=True)
class Moment:
    """When so much of a phase was done, and a little later.

    Attributes
    ----------
    phase
        One of `PHASES`.
    done
        Part of its jobs, or of the files, that must have ended.
    later
        Seconds.
    """

    phase: str
    done: float
    later: float

    def __str__(self) -> str:
        return f"{self.phase} {self.done:.0%} + {1000 * self.later:.0f} ms"

    @property
    def order(self) -> tuple[int, float]:
        """Sorts moments by time."""
        return PHASES.index(self.phase), self.done


def random_moment(choice: random.Random, *, first: str = UPLOAD) -> Moment:
    """A moment of a phase, all of them equally likely, not before the first one."""
    phase = choice.choice(PHASES[PHASES.index(first) :])
    return Moment(phase, choice.choice([0, 0.25, 0.5, 0.75]), choice.choice([0, 0.01, 0.03, 0.1]))


class Clock:
    """Tells whether moments of an experiment's workflow have come.

    Parameters
    ----------
    database
        Of the ledger.
    experiment_id
        Whose workflow.
    """

    def __init__(self, database: Database, experiment_id: int) -> None:
        self._database = database
        self._experiment_id = experiment_id

    def has_come(self, moment: Moment) -> bool:
        """Whether this moment has come or gone; False while nobody can tell."""
        if moment.phase == UPLOAD:
            return True
        try:
            phases = self._phases()
        except SQLAlchemyError:
            return False
        for number in range(PHASES.index(moment.phase), len(PHASES)):
            n_done, n_jobs = phases.get(PHASES[number], (0, 0))
            if PHASES[number] == moment.phase:
                if n_jobs and n_done >= moment.done * n_jobs:
                    return True
            elif n_jobs:
                return True
        return False

    def _phases(self) -> dict[str, tuple[int, int]]:
        """Jobs that have ended and all jobs of the phases that were started, by name."""
        with self._database.session() as session:
            rows = session.execute(
                select(Task.name, Task.n_done, Task.n_jobs)
                .join(Submission, Submission.id == Task.submission_id)
                .where(
                    owners.of(Submission, owner(self._experiment_id)),
                    Task.kind == PHASE,
                    Task.started_at.is_not(None),
                )
            ).all()
        return {row.name: (row.n_done, row.n_jobs) for row in rows}


def contradictions(database: Database, experiment_id: int) -> list[str]:
    """What in the ledger of a workflow that has ended well does not fit; nothing, one hopes."""
    with database.session() as session:
        submitted = select(Submission.id).where(owners.of(Submission, owner(experiment_id)))
        tasks = session.scalars(select(Task).where(Task.submission_id.in_(submitted))).all()
        jobs = session.scalars(select(Job).where(Job.submission_id.in_(submitted))).all()
    found = [
        f"{task.kind} {task.name} is {task.state} with exit code {task.exitcode}"
        for task in tasks
        if task.state is not State.TERMINATED or task.exitcode != 0
    ]
    for job in jobs:
        is_done = job.skipped or job.attempt > 0
        if job.state is not State.TERMINATED or job.exitcode != 0 or not is_done:
            found.append(
                f"job {job.name} is {job.state} with exit code {job.exitcode} "
                f"after {job.attempt} attempts: {job.error}"
            )
        if job.lease_expires_at is not None:
            found.append(f"job {job.name} has ended and still has a lease")
    for task in tasks:
        n_jobs = sum(job.task_id == task.id for job in jobs)
        if (task.n_jobs, task.n_done, task.n_failed) != (n_jobs, n_jobs, 0):
            found.append(
                f"{task.name} has {n_jobs} jobs and counts {task.n_done} of {task.n_jobs} done, "
                f"{task.n_failed} failed"
            )
    return found
