"""Experiments in a database, where no web server is wanted to make them."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.accounts.models import User
from tmlib.db.partitions import create_partitions
from tmlib.experiments.models import Experiment


def add_experiment(session: Session, name: str = "screen", **columns: Any) -> Experiment:
    """Add an experiment for the first user, who is added where nobody is.

    Parameters
    ----------
    session
        In a transaction.
    name
        Of the experiment.
    columns
        What is to be unlike a canonical one of a plate with 96 wells.
    """
    user = session.scalar(select(User).order_by(User.id).limit(1))
    if user is None:
        user = User(name="ada", email="ada@example.org", password_hash="-")
        session.add(user)
        session.flush()
    usual = {
        "microscope_type": "cellvoyager",
        "workflow_type": "canonical",
        "plate_format": 96,
        "plate_acquisition_mode": "basic",
    }
    experiment = Experiment(name=name, user_id=user.id, **usual | columns)
    session.add(experiment)
    session.flush()
    create_partitions(session, experiment.id)
    return experiment
