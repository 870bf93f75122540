"""Listing, renaming, importing and deleting trained models."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tmlib.errors import Conflict, NotFound
from tmlib.experiments.models import Experiment
from tmlib.storage import ExperimentStorage
from tmlib.tools.learning import model_files
from tmlib.tools.learning.trained_models import TrainedModel
from tmlib.tools.models import ToolModel

MAX_BYTES = 128 * 2**20
"""Largest file of a model that may be imported, in bytes."""


def get_models(
    session: Session,
    experiment_ids: list[int],
    *,
    name: str | None = None,
    submission_id: int | None = None,
) -> list[tuple[ToolModel, str]]:
    """Models of experiments, ordered by id, each with the name of its experiment."""
    query = (
        select(ToolModel, Experiment.name)
        .join(Experiment, Experiment.id == ToolModel.experiment_id)
        .where(ToolModel.experiment_id.in_(experiment_ids))
        .order_by(ToolModel.id)
    )
    if name is not None:
        query = query.where(ToolModel.name == name)
    if submission_id is not None:
        query = query.where(ToolModel.submission_id == submission_id)
    return [(model, experiment) for model, experiment in session.execute(query)]


def get_model(session: Session, experiment_id: int, model_id: int) -> ToolModel:
    """One model of an experiment.

    Raises
    ------
    NotFound
        If the experiment has no such model.
    """
    found = session.get(ToolModel, model_id)
    if found is None or found.experiment_id != experiment_id:
        raise NotFound("There is no such model in the experiment.")
    return found


def row_of(
    storage: ExperimentStorage,
    model: TrainedModel,
    path: Path,
    name: str,
    submission_id: int | None = None,
) -> ToolModel:
    """The row for a model whose file has been written."""
    return ToolModel(
        experiment_id=storage.experiment_id,
        submission_id=submission_id,
        name=name,
        description=model.description.model_dump(mode="json"),
        path=path.relative_to(storage.root).as_posix(),
    )


def import_model(
    storage: ExperimentStorage, path: Path, name: str
) -> tuple[ToolModel, Callable[[], Any]]:
    """Import a model from an uploaded file.

    Parameters
    ----------
    storage
        Storage of the experiment that the model will belong to.
    path
        The file, which is copied.
    name
        Name of the model.

    Returns
    -------
    model
        Row to be added to a session.
    undo
        Call this if adding the row fails.

    Raises
    ------
    BadInput
        If the file is not a model, or is inconsistent.
    """
    model = model_files.read(path)
    kept = model_files.new_path(storage)
    model_files.write(kept, model)
    return row_of(storage, model, kept, name), lambda: kept.unlink(missing_ok=True)


def rename_model(session: Session, experiment_id: int, model_id: int, name: str) -> None:
    """Give a model another name.

    Raises
    ------
    NotFound
        If the experiment has no such model.
    Conflict
        If another model of the experiment has the name.
    """
    get_model(session, experiment_id, model_id).name = name
    flush_name(session, name)


def flush_name(session: Session, name: str) -> None:
    """Write what was changed.

    Raises
    ------
    Conflict
        If another model of the experiment has the name.
    """
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(
            f'There is a model "{name}" in this experiment already: choose another name.'
        ) from error


def delete_model(session: Session, storage: ExperimentStorage, model_id: int) -> Path:
    """Delete a model; results that were computed with it remain.

    Returns
    -------
    Path
        Its file, to be removed after the commit.

    Raises
    ------
    NotFound
        If the experiment has no such model.
    """
    found = get_model(session, storage.experiment_id, model_id)
    session.delete(found)
    return storage.root / found.path
