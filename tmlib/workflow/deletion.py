"""Deleting experiments with all that is being done for them."""

from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from tmlib.db import Database
from tmlib.db.base import now
from tmlib.experiments import deletion as experiments
from tmlib.objects import deletion as objects
from tmlib.settings import Settings
from tmlib.workflow import submissions, tree
from tmlib.workflow.models import AT_WORK, Submission, Task

# How long somebody who waits for an answer is kept waiting; the workers do the rest.
_SECONDS = 2


def delete_experiment(database: Database, settings: Settings, experiment_id: int) -> None:
    """Kill what runs for an experiment, let nobody see it any more, and begin to remove it.

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
        experiments.hide(session, experiment_id, now() + timedelta(seconds=wait))
    experiments.finish(database, settings.data_dir, _SECONDS, experiment_id)


def finish_deletions(database: Database, data_dir: Path, seconds: float) -> None:
    """Go on with what was deleted but is not gone yet, for a while."""
    objects.finish(database, seconds / 2)
    experiments.finish(database, data_dir, seconds / 2)
