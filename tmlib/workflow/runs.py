"""Runs of an experiment's workflow: one at a time, started, continued, ended."""

from sqlalchemy.orm import Session

from tmlib.errors import Conflict
from tmlib.experiments.ownership import lock_experiment, owner
from tmlib.ledger import submissions, tree
from tmlib.ledger.models import Submission
from tmlib.workflow import program
from tmlib.workflow.description import WorkflowDescription
from tmlib.workflow.models import WORKFLOW


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

    What an earlier one made and is current is skipped, unless `force` says otherwise.

    Returns
    -------
    tuple of int and list of int
        Id of the submission, and the ids of jobs to enqueue.

    Raises
    ------
    Conflict
        If a workflow of the experiment is still running.
    """
    _lock(session, experiment_id)
    return submissions.submit(
        session,
        owner(experiment_id),
        user_id,
        program=WORKFLOW,
        description=description.to_dict(),
        plan=program.whole(experiment_name, description),
        force=force,
    )


def resubmit(
    session: Session,
    submission: Submission,
    description: WorkflowDescription,
    index: int,
    *,
    force: bool = False,
) -> list[int]:
    """Run a submission again from one of its active stages on; earlier stages are kept.

    What is current in the others is skipped, unless `force` says otherwise.

    Raises
    ------
    Conflict
        If the workflow is still running, or a stage before `index` has not ended well.
    """
    _lock(session, submission.owner_id)
    stages = description.active_stages
    entered = tree.children(session, tree.root(session, submission.id).id)
    for position, stage in enumerate(entered[:index]):
        if stage.exitcode != 0 or stage.name != stages[position].name:
            raise Conflict(
                f'Stage "{stages[position].name}" has not ended well: resubmit from there.'
            )
    submission.description, submission.force = description.to_dict(), force
    return submissions.replace(session, submission, index, program.stages(stages[index:]))


def retry(session: Session, submission: Submission, description: WorkflowDescription) -> list[int]:
    """Do again what failed or was killed in a workflow, and go on from there.

    What ended well is kept, and the work stays planned as it was; limits of jobs are those of
    `description`.

    Raises
    ------
    Conflict
        If the workflow is still running, or nothing in it failed.
    """
    _lock(session, submission.owner_id)
    if tree.root(session, submission.id).exitcode == 0:
        raise Conflict("Nothing failed in the latest workflow: there is nothing to retry.")
    submitted = WorkflowDescription.from_dict(submission.description)
    submission.description = submitted.with_limits_of(description).to_dict()
    session.flush()
    return submissions.retry(session, submission)


def _lock(session: Session, experiment_id: int) -> None:
    """Make sure that no workflow of an experiment runs, and that none begins meanwhile."""
    lock_experiment(session, experiment_id)
    running = submissions.running(session, owner(experiment_id), WORKFLOW)
    if running is not None:
        raise Conflict(
            f"Workflow {running} of this experiment is still running: wait for it or kill it."
        )
