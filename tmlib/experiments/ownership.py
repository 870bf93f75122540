"""Experiments as owners of jobs, and as the audit trail names them."""

from sqlalchemy import ColumnElement, ScalarSelect, Select, select
from sqlalchemy.orm import Session

from tmlib.accounts.audit_entries import Resource
from tmlib.errors import NotFound
from tmlib.experiments.models import Experiment
from tmlib.ledger import owners
from tmlib.ledger.owners import Owner, OwnerKind

EXPERIMENT = "experiment"
"""What owners of jobs, permissions and audit entries call it."""


def owner(experiment_id: int) -> Owner:
    """An experiment as the ledger knows it."""
    return Owner(EXPERIMENT, experiment_id)


def resource(experiment_id: int, name: str) -> Resource:
    """An experiment as audit entries name it."""
    return Resource(EXPERIMENT, experiment_id, name)


def lock_experiment(session: Session, experiment_id: int) -> None:
    """Let one change of what an experiment does after the other through.

    Raises
    ------
    NotFound
        If it was deleted.
    """
    if session.scalar(_visible(experiment_id).with_for_update(key_share=True)) is None:
        raise NotFound("The experiment was deleted.")


def _hold(session: Session, experiment_id: int) -> None:
    if session.scalar(_visible(experiment_id).with_for_update(read=True)) is None:
        raise NotFound("The experiment was deleted.")


def _visible(experiment_id: int) -> Select[int]:
    return select(Experiment.id).where(
        Experiment.id == experiment_id, Experiment.deletion_due.is_(None)
    )


def _name_of(experiment_id: ColumnElement[int]) -> ScalarSelect[str]:
    return (
        select(Experiment.name)
        .where(Experiment.id == experiment_id, Experiment.deletion_due.is_(None))
        .scalar_subquery()
    )


owners.register(EXPERIMENT, OwnerKind(_name_of, _hold))
