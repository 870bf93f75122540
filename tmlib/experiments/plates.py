"""Plates and their acquisitions."""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Select, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload, selectinload

from tmlib.errors import Conflict, NotFound
from tmlib.experiments.models import Acquisition, Plate
from tmlib.experiments.trash import Trash
from tmlib.storage import ExperimentStorage, trash_folder


def create_plate(session: Session, experiment_id: int, name: str, description: str = "") -> Plate:
    """Add a plate.

    Raises
    ------
    Conflict
        If the experiment has a plate of this name.
    """
    plate = Plate(experiment_id=experiment_id, name=name, description=description)
    session.add(plate)
    _flush_plate(session, name)
    return plate


def list_plates(
    session: Session,
    experiment_id: int,
    *,
    name: str | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[Plate]:
    """Plates in the order of creation, with their acquisitions."""
    query = (
        select(Plate)
        .where(Plate.experiment_id == experiment_id)
        .options(selectinload(Plate.acquisitions))
        .order_by(Plate.id)
        .limit(limit)
        .offset(offset)
    )
    if name is not None:
        query = query.where(Plate.name == name)
    return list(session.scalars(query))


def get_plate(session: Session, experiment_id: int, plate_id: int) -> Plate:
    """A plate of an experiment.

    Raises
    ------
    NotFound
        If the experiment has no such plate.
    """
    plate = session.get(Plate, plate_id)
    if plate is None or plate.experiment_id != experiment_id:
        raise NotFound("The experiment has no such plate.")
    return plate


def lock_plate(session: Session, experiment_id: int, plate_id: int) -> Plate:
    """A plate of an experiment; lets one change of its wells' descriptions after the other.

    Raises
    ------
    NotFound
        If the experiment has no such plate.
    """
    plate = session.scalar(_locked(experiment_id).where(Plate.id == plate_id))
    if plate is None:
        raise NotFound("The experiment has no such plate.")
    return plate


def lock_plates(session: Session, experiment_id: int) -> Sequence[Plate]:
    """All plates of an experiment, for a change of all descriptions of their wells."""
    # always in the same order, so that nobody waits for one who waits for them
    return session.scalars(_locked(experiment_id).order_by(Plate.id)).all()


def _locked(experiment_id: int) -> Select[Plate]:
    """Plates as they are once whoever changes them is done."""
    query = select(Plate).where(Plate.experiment_id == experiment_id)
    return query.with_for_update(key_share=True).execution_options(populate_existing=True)


def find_plate(session: Session, experiment_id: int, name: str) -> Plate:
    """The plate of an experiment that has this name.

    Raises
    ------
    NotFound
        If there is none.
    """
    plates = list_plates(session, experiment_id, name=name)
    if not plates:
        raise NotFound(f'The experiment has no plate "{name}": create it first.')
    return plates[0]


def update_plate(
    session: Session,
    experiment_id: int,
    plate_id: int,
    *,
    name: str | None = None,
    description: str | None = None,
) -> None:
    """Change the name or description of a plate."""
    plate = get_plate(session, experiment_id, plate_id)
    if name is not None:
        plate.name = name
    if description is not None:
        plate.description = description
    _flush_plate(session, plate.name)


def delete_plate(session: Session, data_dir: Path, experiment_id: int, plate_id: int) -> None:
    """Remove a plate with its acquisitions; its files are moved to the trash."""
    get_plate(session, experiment_id, plate_id)
    session.execute(delete(Plate).where(Plate.id == plate_id))
    root = ExperimentStorage(data_dir, experiment_id).root
    Trash(trash_folder(data_dir), root / "plates" / f"plate_{plate_id}")


def create_acquisition(
    session: Session, experiment_id: int, plate_id: int, name: str, description: str = ""
) -> Acquisition:
    """Add an acquisition to a plate.

    Raises
    ------
    Conflict
        If the plate has an acquisition of this name.
    """
    acquisition = Acquisition(
        experiment_id=experiment_id,
        plate=get_plate(session, experiment_id, plate_id),
        name=name,
        description=description,
    )
    session.add(acquisition)
    _flush_acquisition(session, name)
    return acquisition


def list_acquisitions(
    session: Session,
    experiment_id: int,
    *,
    name: str | None = None,
    plate_name: str | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[Acquisition]:
    """Acquisitions in the order of creation, each with its plate."""
    query = (
        select(Acquisition)
        .where(Acquisition.experiment_id == experiment_id)
        .options(joinedload(Acquisition.plate))
        .order_by(Acquisition.id)
        .limit(limit)
        .offset(offset)
    )
    if name is not None:
        query = query.where(Acquisition.name == name)
    if plate_name is not None:
        query = query.where(Acquisition.plate.has(name=plate_name))
    return list(session.scalars(query))


def get_acquisition(session: Session, experiment_id: int, acquisition_id: int) -> Acquisition:
    """An acquisition of an experiment.

    Raises
    ------
    NotFound
        If the experiment has no such acquisition.
    """
    acquisition = session.get(Acquisition, acquisition_id)
    if acquisition is None or acquisition.experiment_id != experiment_id:
        raise NotFound("The experiment has no such acquisition.")
    return acquisition


def update_acquisition(
    session: Session,
    experiment_id: int,
    acquisition_id: int,
    *,
    name: str | None = None,
    description: str | None = None,
) -> None:
    """Change the name or description of an acquisition."""
    acquisition = get_acquisition(session, experiment_id, acquisition_id)
    if name is not None:
        acquisition.name = name
    if description is not None:
        acquisition.description = description
    _flush_acquisition(session, acquisition.name)


def delete_acquisition(
    session: Session, data_dir: Path, experiment_id: int, acquisition_id: int
) -> None:
    """Remove an acquisition; its files are moved to the trash."""
    acquisition = get_acquisition(session, experiment_id, acquisition_id)
    storage = ExperimentStorage(data_dir, experiment_id)
    folder = storage.acquisition(acquisition.plate_id, acquisition_id)
    session.execute(delete(Acquisition).where(Acquisition.id == acquisition_id))
    Trash(trash_folder(data_dir), folder)


def _flush_plate(session: Session, name: str) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(
            f'The experiment has a plate "{name}" already: choose another name.'
        ) from error


def _flush_acquisition(session: Session, name: str) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(
            f'The plate has an acquisition "{name}" already: choose another name.'
        ) from error
