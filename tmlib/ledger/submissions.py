"""What is done to a workflow as a whole: submit it, run it again, retry what failed, kill it.

Plain functions on a session, like those of the engine: each runs in a transaction of its own, and
what it returns is put on the queue after that one is committed.
"""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tmlib.db import clock
from tmlib.errors import Conflict
from tmlib.ledger import advance, engine, tree
from tmlib.ledger.models import AT_WORK, Job, State, Submission, Task, TaskKind
from tmlib.workflow.description import WorkflowDescription


def submit(
    session: Session,
    experiment_id: int,
    experiment_name: str,
    user_id: int,
    description: WorkflowDescription,
    *,
    force: bool = False,
) -> tuple[int, list[int]]:
    """Enter a workflow into the ledger and start it.

    What an earlier one made and still stands is skipped, unless `force` says otherwise.

    Returns
    -------
    tuple of int and list of int
        Id of the submission, and the ids of jobs to enqueue.

    Raises
    ------
    Conflict
        If a workflow of the experiment is still running.
    """
    tree.lock_experiment(session, experiment_id)
    _refuse_if_running(session, experiment_id)
    submission = Submission(
        experiment_id=experiment_id,
        user_id=user_id,
        description=description.to_dict(),
        force=force,
    )
    session.add(submission)
    session.flush()
    root = tree.create(session, submission.id, experiment_name, description)
    return submission.id, advance.start(session, root)


def resubmit(
    session: Session,
    submission: Submission,
    description: WorkflowDescription,
    index: int,
    *,
    force: bool = False,
) -> list[int]:
    """Run a submission again from one of its active stages on; earlier stages are kept.

    What still stands in the others is skipped, unless `force` says otherwise.

    Raises
    ------
    Conflict
        If the workflow is still running, or a stage before `index` has not ended well.
    """
    tree.lock_experiment(session, submission.experiment_id)
    _refuse_if_running(session, submission.experiment_id)
    root = tree.root(session, submission.id)
    stages = tree.children(session, root.id)
    for position, stage in enumerate(stages[:index]):
        if stage.exitcode != 0 or stage.name != description.active_stages[position].name:
            raise Conflict(
                f'Stage "{description.active_stages[position].name}" has not ended well: '
                "resubmit from there."
            )
    submission.description, submission.force = description.to_dict(), force
    for stage in stages[index:]:
        session.delete(stage)
    session.flush()
    tree.create_stages(session, root, description.active_stages, first=index)
    root.exitcode, root.finished_at = None, None
    return advance.start(session, root)


def retry(session: Session, submission: Submission, description: WorkflowDescription) -> list[int]:
    """Do again what failed or was killed in a workflow, and go on from there.

    What ended well is kept, and the work stays cut as it was; limits of jobs are those of
    `description`.

    Raises
    ------
    Conflict
        If the workflow is still running, or nothing in it failed.
    """
    tree.lock_experiment(session, submission.experiment_id)
    _refuse_if_running(session, submission.experiment_id)
    root = tree.root(session, submission.id)
    if root.exitcode == 0:
        raise Conflict("Nothing failed in the latest workflow: there is nothing to retry.")
    submitted = WorkflowDescription.from_dict(submission.description)
    submission.description = submitted.with_limits_of(description).to_dict()
    session.flush()
    advance.reopen(session, submission.id)
    return advance.start(session, root)


def kill(session: Session, submission_id: int, reason: str = engine.WORKFLOW_KILLED) -> None:
    """End a submission: waiting jobs at once, running ones when their guards look next.

    Jobs that were not handed out yet stay as they are, so that this is as quick for a hundred
    thousand of them as for one.
    """
    of_submission = Job.submission_id == submission_id
    engine.end_killed(session, of_submission, reason=reason)
    session.execute(
        update(Task)
        .where(Task.submission_id == submission_id, Task.state.in_(AT_WORK))
        .values(state=State.TERMINATED, exitcode=engine.EXIT_KILLED, finished_at=clock.present())
        .execution_options(synchronize_session=False)
    )
    # those that were handed out meanwhile; from here on the phases hand none out, and who writes
    # to one of them may wait for this transaction: `recover` ends those
    engine.end_killed(session, of_submission, reason=reason, skip_locked=True)


def _refuse_if_running(session: Session, experiment_id: int) -> None:
    running = session.scalar(
        select(Submission.id)
        .join(Task, Task.submission_id == Submission.id)
        .where(
            Submission.experiment_id == experiment_id,
            Task.kind == TaskKind.WORKFLOW,
            Task.state != State.TERMINATED,
        )
        .limit(1)
    )
    if running is not None:
        raise Conflict(
            f"Workflow {running} of this experiment is still running: wait for it or kill it."
        )
