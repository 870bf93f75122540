"""Creating, listing and changing experiments; access is in `sharing`."""

import functools
from typing import Any

from sqlalchemy import Integer, Select, bindparam, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tmlib import microscopes
from tmlib.accounts.identity import USERS
from tmlib.db.partitions import create_partitions
from tmlib.errors import BadInput, Conflict
from tmlib.experiments import sharing
from tmlib.experiments.models import Experiment
from tmlib.experiments.plate_formats import PLATE_FORMATS
from tmlib.experiments.sharing import Action, ExperimentRow

ACQUISITION_MODES = ("basic", "multiplexing")

_EXPERIMENTS = Experiment.__table__


@functools.cache
def _of_user() -> Select[Any]:
    """The statement that asks for an experiment and what a user may do with it."""
    return sharing.with_experiment(
        select().select_from(USERS).where(USERS.c.id == bindparam("user_id"))
    )


def create_experiment(
    session: Session,
    user_id: int,
    *,
    name: str,
    description: str = "",
    workflow_type: str = "canonical",
    microscope_type: str,
    plate_format: int,
    plate_acquisition_mode: str = "basic",
) -> Experiment:
    """Add an empty experiment that belongs to a user.

    `workflow_type` is checked by the caller, because only the workflow knows the types.

    Raises
    ------
    BadInput
        If the microscope type, the plate format or the acquisition mode is unknown.
    Conflict
        If the user has an experiment of this name.
    """
    microscopes.get(microscope_type)
    if plate_format not in PLATE_FORMATS:
        raise BadInput(
            f'There is no "plate_format" {plate_format}: use one of '
            f"{', '.join(map(str, PLATE_FORMATS))} (the number of wells)."
        )
    if plate_acquisition_mode not in ACQUISITION_MODES:
        raise BadInput(
            f'There is no "plate_acquisition_mode" {plate_acquisition_mode}: use one of '
            f"{', '.join(ACQUISITION_MODES)}."
        )
    experiment = Experiment(
        user_id=user_id,
        name=name,
        description=description,
        workflow_type=workflow_type,
        microscope_type=microscope_type,
        plate_format=plate_format,
        plate_acquisition_mode=plate_acquisition_mode,
    )
    session.add(experiment)
    _flush_name(session, name)
    create_partitions(session, experiment.id)
    return experiment


def list_experiments(
    session: Session,
    user_id: int | None,
    *,
    name: str | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[ExperimentRow]:
    """Experiments that a user owns or may see, or all experiments, in the order of creation."""
    given = {"user_id": user_id, "name": name, "limit": limit}
    parameters = {key: value for key, value in given.items() if value is not None}
    statement = _listing(frozenset(parameters))
    found = session.connection().execute(statement, parameters | {"offset": offset})
    return [ExperimentRow(*row) for row in found]


@functools.cache
def _listing(given: frozenset[str]) -> Select[Any]:
    """The statement that lists experiments, built once for each choice of parameters."""
    query = sharing.with_owner(select(*sharing.COLUMNS).select_from(_EXPERIMENTS))
    query = query.where(sharing.IS_PRESENT).order_by(_EXPERIMENTS.c.id)
    if "user_id" in given:
        query = query.where(sharing.is_visible_to(bindparam("user_id", type_=Integer)))
    if "name" in given:
        query = query.where(_EXPERIMENTS.c.name == bindparam("name"))
    if "limit" in given:
        query = query.limit(bindparam("limit", type_=Integer))
    return query.offset(bindparam("offset", type_=Integer))


def get_experiment(
    session: Session,
    user_id: int,
    experiment_id: int,
    action: Action,
    *,
    is_admin: bool = False,
) -> ExperimentRow:
    """An experiment that a user wants to read, to change, or to decide about as its owner.

    Administrators may do with every experiment what its owner may.

    Raises
    ------
    NotFound
        If it does not exist or is hidden from the user.
    Forbidden
        If the user may not perform this action.
    """
    which = {"user_id": user_id, "resource_id": experiment_id}
    row = session.execute(_of_user(), which).one_or_none()
    return sharing.permit(row, action, is_admin=is_admin)


def update_experiment(
    session: Session,
    experiment_id: int,
    *,
    name: str | None = None,
    description: str | None = None,
) -> None:
    """Change the name or description of an experiment.

    Raises
    ------
    Conflict
        If its owner has another one of this name.
    """
    experiment = session.get_one(Experiment, experiment_id)
    if name is not None:
        experiment.name = name
    if description is not None:
        experiment.description = description
    _flush_name(session, experiment.name)


def _flush_name(session: Session, name: str) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(f'You have an experiment "{name}" already: choose another name.') from error
