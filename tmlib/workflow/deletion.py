"""Deleting experiments with all that is being done for them."""

from sqlalchemy import select

from tmlib.db import Database
from tmlib.experiments import deletion as experiments
from tmlib.ledger import submissions, tree
from tmlib.ledger.models import AT_WORK, Submission, Task
from tmlib.settings import Settings


def delete_experiment(database: Database, settings: Settings, experiment_id: int) -> None:
    """Kill what runs for an experiment, and let nobody see it any more; the workers remove it.

    Jobs that are running notice within a lease that they were taken away, and may write files
    until then: what they work on is removed afterwards.

    Raises
    ------
    NotFound
        If it was deleted already.
    """
    with database.transaction() as session:
        tree.lock_experiment(session, experiment_id)
        handed_in = select(Submission.id).where(Submission.experiment_id == experiment_id)
        at_work = session.scalars(
            select(Task.submission_id)
            .where(Task.submission_id.in_(handed_in), Task.state.in_(AT_WORK))
            .distinct()
        ).all()
        for submission_id in at_work:
            submissions.kill(session, submission_id)
        wait = settings.lease_seconds if at_work else 0
        experiments.hide(session, experiment_id, wait)
