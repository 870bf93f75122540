"""Deleting experiments with all that is being done for them."""

from tmlib.db import Database
from tmlib.experiments import deletion as experiments
from tmlib.experiments.ownership import lock_experiment, owner
from tmlib.ledger import submissions
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
        lock_experiment(session, experiment_id)
        was_at_work = submissions.kill_all(session, owner(experiment_id))
        experiments.hide(session, experiment_id, settings.lease_seconds if was_at_work else 0)
