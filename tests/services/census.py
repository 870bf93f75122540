"""A program that knows no experiment: it counts the users whose names begin with given letters.

For each letter it plans a part of its own, whose first job looks for users, and from which a job
for each user follows. Every such job adds a dot to the user's email, so that it shows whether one
was done twice, and a last job of the letter follows from the last of them.
"""

import sys
from collections.abc import Sequence
from typing import Any, ClassVar

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tmlib.accounts.models import User
from tmlib.db import Database
from tmlib.ledger import programs, submissions
from tmlib.ledger.limits import Limits
from tmlib.ledger.models import PHASE
from tmlib.ledger.owners import Owner
from tmlib.ledger.programs import Assignment, JobContext, Part, PlannedJob, Program
from tmlib.ledger.queue import Queue

INSTALLATION = Owner("installation", 1)


class Census(Program):
    """Counts users."""

    name: ClassVar[str] = "census"

    def plan(self, description: dict[str, Any], part_name: str) -> Sequence[Part]:
        """Looks for the users of a letter when its turn has come."""
        return [_phase(part_name, "look", [{}])]

    def run(self, context: JobContext, job: Assignment) -> Sequence[Part]:
        """Look for users, mark one, or end."""
        if job.phase == "mark":
            context.effects.append(lambda session: _mark(session, job.batch["user_id"]))
            return ()
        if job.phase == "end":
            sys.stdout.write(f"The letter {job.step_name} is done.\n")
            return ()
        with context.database.session() as session:
            users = select(User.id).where(User.name.startswith(job.step_name)).order_by(User.id)
            batches: list[dict[str, Any]] = [
                {"user_id": number} for number in session.scalars(users)
            ]
        return [_phase(job.step_name, "mark", batches), _phase(job.step_name, "end", [{}])]

    def limits(self, description: dict[str, Any], step_name: str, phase: str) -> Limits:
        """As short as was asked for."""
        return Limits(seconds=description["seconds"])


def _mark(session: Session, user_id: int) -> None:
    session.execute(update(User).where(User.id == user_id).values(email=User.email + "."))


def _phase(letter: str, phase: str, batches: Sequence[dict[str, Any]]) -> Part:
    jobs = [PlannedJob(batch) for batch in batches]
    return Part(PHASE, "Phase", f"{letter}_{phase}", jobs=jobs, step_name=letter, phase=phase)


def submit(
    database: Database, queue: Queue, user_id: int, letters: str, *, is_parallel: bool = False
) -> int:
    """Hand a census in; gives the number of the submission."""
    parts = [Part("letter", "Letter", letter, n_parts=3) for letter in letters]
    with database.transaction() as session:
        submission_id, job_ids = submissions.submit(
            session,
            INSTALLATION,
            user_id,
            program=Census.name,
            description={"seconds": 60},
            plan=Part("census", "Census", "census", parts, is_parallel=is_parallel),
        )
    queue.enqueue(job_ids)
    return submission_id


programs.register(Census())
