"""Experiments: whose they are, who may see and change them, and how they come and go."""

from contextlib import suppress
from typing import Literal

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from tmlib import microscopes
from tmlib.accounts.models import User
from tmlib.db.partitions import create_partitions
from tmlib.errors import BadInput, Conflict, Forbidden, NotFound
from tmlib.experiments.models import Experiment, ExperimentShare
from tmlib.experiments.plate_formats import PLATE_FORMATS

Permission = Literal["read", "write", "owner"]

ACQUISITION_MODES = ("basic", "multiplexing")


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

    `workflow_type` is checked by the workflow, which alone knows its types.

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
) -> list[Experiment]:
    """Experiments that a user owns or may see, or all of them, in the order of creation."""
    query = _present() if user_id is None else _visible(user_id)
    query = query.order_by(Experiment.id).limit(limit).offset(offset)
    if name is not None:
        query = query.where(Experiment.name == name)
    return list(session.scalars(query.options(joinedload(Experiment.user))))


def get_experiment(
    session: Session,
    user_id: int,
    experiment_id: int,
    permission: Permission,
    *,
    is_admin: bool = False,
) -> Experiment:
    """An experiment that a user wants to read, to change, or to decide about as its owner.

    Administrators may do with every experiment what its owner may.

    Raises
    ------
    NotFound
        If it does not exist or the user may not know that it does.
    Forbidden
        If the user may do less with it than this.
    """
    query = _present() if is_admin else _visible(user_id)
    experiment = session.scalar(
        query.where(Experiment.id == experiment_id).options(joinedload(Experiment.user))
    )
    if experiment is None:
        raise NotFound("There is no such experiment, or it is not shared with you.")
    if permission == "read" or is_admin or experiment.user_id == user_id:
        return experiment
    if permission == "owner":
        raise Forbidden(
            f'Experiment "{experiment.name}" is not yours: ask "{experiment.user.name}", '
            "its owner, to do this."
        )
    share = session.get(ExperimentShare, (experiment_id, user_id))
    if share is None or not share.write_access:
        raise Forbidden(
            f'You may look at experiment "{experiment.name}" but not change it: '
            f'ask "{experiment.user.name}" for write access.'
        )
    return experiment


def update_experiment(
    session: Session,
    experiment_id: int,
    *,
    name: str | None = None,
    description: str | None = None,
) -> None:
    """Rename an experiment or describe it anew.

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


def list_shares(session: Session, experiment_id: int) -> list[tuple[str, bool]]:
    """With whom an experiment is shared: user names, and whether they may also change it."""
    query = (
        select(User.name, ExperimentShare.write_access)
        .join(ExperimentShare, ExperimentShare.user_id == User.id)
        .where(ExperimentShare.experiment_id == experiment_id)
        .order_by(User.name)
    )
    return [(name, write_access) for name, write_access in session.execute(query)]


def share_experiment(
    session: Session, experiment_id: int, user_id: int, *, write_access: bool
) -> None:
    """Let another user read an experiment, or also change it.

    Raises
    ------
    BadInput
        If it is the user's own.
    """
    if session.get_one(Experiment, experiment_id).user_id == user_id:
        raise BadInput("Its owner may do everything with an experiment: name somebody else.")
    share = session.get(ExperimentShare, (experiment_id, user_id))
    if share is None:
        share = ExperimentShare(experiment_id=experiment_id, user_id=user_id)
        session.add(share)
    share.write_access = write_access
    session.flush()


def unshare_experiment(session: Session, experiment_id: int, user_id: int) -> None:
    """Hide an experiment from a user again.

    Raises
    ------
    NotFound
        If it is not shared with that user.
    """
    share = session.get(ExperimentShare, (experiment_id, user_id))
    if share is None:
        raise NotFound("The experiment is not shared with that user.")
    session.delete(share)


def transfer_experiment(session: Session, experiment_id: int, user_id: int) -> None:
    """Give an experiment to another user; the old owner may still read and change it.

    Raises
    ------
    BadInput
        If the new owner cannot log in.
    Conflict
        If the new owner has an experiment of this name.
    """
    experiment = session.get_one(Experiment, experiment_id)
    new_owner = session.get_one(User, user_id)
    old_owner_id = experiment.user_id
    if not new_owner.is_active:
        raise BadInput(f'"{new_owner.name}" cannot log in: give the experiment to somebody else.')
    if new_owner.id == old_owner_id:
        return
    with suppress(NotFound):
        unshare_experiment(session, experiment_id, new_owner.id)
    experiment.user_id = new_owner.id
    names = f'"{new_owner.name}" has an experiment "{experiment.name}" already'
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(f"{names}: rename this one first.") from error
    session.add(
        ExperimentShare(experiment_id=experiment_id, user_id=old_owner_id, write_access=True)
    )
    session.flush()


def _visible(user_id: int) -> Select[Experiment]:
    shared: ColumnElement[bool] = (
        select(ExperimentShare.user_id)
        .where(
            and_(ExperimentShare.experiment_id == Experiment.id, ExperimentShare.user_id == user_id)
        )
        .exists()
    )
    return _present().where(or_(Experiment.user_id == user_id, shared))


def _present() -> Select[Experiment]:
    """All experiments but those that were deleted."""
    return select(Experiment).where(Experiment.deletion_due.is_(None))


def _flush_name(session: Session, name: str) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(f'You have an experiment "{name}" already: choose another name.') from error
