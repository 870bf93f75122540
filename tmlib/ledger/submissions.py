"""Handing work in, doing again what failed of it, and ending it early."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from tmlib.db import clock
from tmlib.ledger import advance, engine, owners, tree
from tmlib.ledger.models import AT_WORK, EXIT_KILLED, Job, State, Submission, Task
from tmlib.ledger.owners import Owner
from tmlib.ledger.programs import Part


def submit(
    session: Session,
    owner: Owner,
    user_id: int,
    *,
    program: str,
    description: dict[str, Any],
    plan: Part,
    force: bool = False,
) -> tuple[int, list[int]]:
    """Enter work into the ledger and start it.

    Parameters
    ----------
    session
        In a transaction.
    owner, user_id
        Whose work it is, and who hands it in.
    program
        What does it, by name.
    description
        What was asked for: JSON, the same for all jobs.
    plan
        The whole of it, as far as it is known yet.
    force
        Whether everything is to be done again, even what is current.

    Returns
    -------
    tuple of int and list of int
        Id of the submission, and the ids of jobs to enqueue.

    Raises
    ------
    NotFound
        If the owner was deleted meanwhile.
    """
    owners.hold(session, owner)
    submission = Submission(
        owner_kind=owner.kind,
        owner_id=owner.id,
        user_id=user_id,
        program=program,
        description=description,
        force=force,
    )
    session.add(submission)
    session.flush()
    [root] = tree.enter(session, submission, [plan])
    return submission.id, advance.start(session, root)


def replace(
    session: Session, submission: Submission, first: int, parts: Sequence[Part]
) -> list[int]:
    """Put other parts in the place of those from number `first` on, and start with them.

    Returns
    -------
    list of int
        Ids of jobs to enqueue.
    """
    root = tree.root(session, submission.id)
    for part in tree.children(session, root.id)[first:]:
        session.delete(part)
    session.flush()
    tree.enter(session, submission, parts, root)
    root.exitcode, root.finished_at = None, None
    return advance.start(session, root)


def retry(session: Session, submission: Submission) -> list[int]:
    """Do again what failed or was killed, and go on from there; what ended well is kept.

    Returns
    -------
    list of int
        Ids of jobs to enqueue.
    """
    advance.reopen(session, submission.id)
    return advance.start(session, tree.root(session, submission.id))


def kill(session: Session, submission_id: int, reason: str = engine.KILLED) -> None:
    """End a submission: waiting jobs at once, running ones when their guards look next.

    Jobs that were not handed out yet stay as they are, so that this is as quick for a hundred
    thousand of them as for one.
    """
    of_submission = Job.submission_id == submission_id
    engine.end_killed(session, of_submission, reason=reason)
    session.execute(
        update(Task)
        .where(Task.submission_id == submission_id, Task.state.in_(AT_WORK))
        .values(state=State.TERMINATED, exitcode=EXIT_KILLED, finished_at=clock.present())
        .execution_options(synchronize_session=False)
    )
    # those that were handed out meanwhile; from here on the phases hand none out, and who writes
    # to one of them may wait for this transaction: who looks for lost jobs ends those
    engine.end_killed(session, of_submission, reason=reason, skip_locked=True)


def kill_all(session: Session, owner: Owner) -> bool:
    """End all submissions of an owner that are at work; whether there were any."""
    at_work = session.scalars(
        select(Task.submission_id)
        .join(Submission, Submission.id == Task.submission_id)
        .where(owners.of(Submission, owner), Task.state.in_(AT_WORK))
        .distinct()
    ).all()
    for submission_id in at_work:
        kill(session, submission_id)
    return bool(at_work)


def latest(
    session: Session, owner: Owner, program: str, *conditions: ColumnElement[bool]
) -> Submission | None:
    """What was handed in last of an owner for a program, None if nothing was."""
    return session.scalars(
        select(Submission)
        .where(owners.of(Submission, owner), Submission.program == program, *conditions)
        .order_by(Submission.id.desc())
        .limit(1)
    ).one_or_none()


def running(session: Session, owner: Owner, program: str) -> int | None:
    """Number of a submission of an owner for a program that has not ended, if there is one."""
    query = (
        select(Submission.id)
        .join(Task, Task.submission_id == Submission.id)
        .where(
            owners.of(Submission, owner),
            Submission.program == program,
            Task.parent_id.is_(None),
            Task.state != State.TERMINATED,
        )
        .limit(1)
    )
    return session.scalar(query)
