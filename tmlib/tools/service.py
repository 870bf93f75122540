"""Listing, renaming and deleting results of tools, and reading their labels."""

import functools
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, selectinload

from tmlib.db import Database
from tmlib.errors import Conflict, NotFound
from tmlib.objects.table.metadata import TextColumn
from tmlib.storage import ExperimentStorage
from tmlib.tools import labels
from tmlib.tools.models import ToolResult


def get_results(
    session: Session,
    experiment_id: int,
    *,
    submission_id: int | None = None,
    name: str | None = None,
    mapobject_type_id: int | None = None,
) -> list[ToolResult]:
    """Results of an experiment, ordered by id, with their plots."""
    query = (
        select(ToolResult)
        .where(ToolResult.experiment_id == experiment_id)
        .order_by(ToolResult.id)
        .options(selectinload(ToolResult.plots))
    )
    if submission_id is not None:
        query = query.where(ToolResult.submission_id == submission_id)
    if name is not None:
        query = query.where(ToolResult.name == name)
    if mapobject_type_id is not None:
        query = query.where(ToolResult.mapobject_type_id == mapobject_type_id)
    return list(session.scalars(query))


def get_result(session: Session, experiment_id: int, result_id: int) -> ToolResult:
    """One result, with its plots.

    Raises
    ------
    NotFound
        If the experiment has no such result.
    """
    found = session.get(ToolResult, result_id, options=[selectinload(ToolResult.plots)])
    if found is None or found.experiment_id != experiment_id:
        raise NotFound("There is no such tool result in the experiment.")
    return found


def labels_of(
    database: Database, storage: ExperimentStorage, mapobject_type_id: int
) -> list[TextColumn]:
    """The labels of all objects of a type, a column per result, ordered by id.

    Objects without a label have ``nan``.
    """
    with database.session() as session:
        results = get_results(session, storage.experiment_id, mapobject_type_id=mapobject_type_id)
    return [
        (result.name, functools.partial(labels.texts_of, storage.root / result.path))
        for result in results
    ]


def label_files(session: Session, storage: ExperimentStorage, mapobject_type_id: int) -> list[Path]:
    """Files of all results about objects of a type, to be removed when these are deleted."""
    query = select(ToolResult.path, ToolResult.wells_path).where(
        ToolResult.experiment_id == storage.experiment_id,
        ToolResult.mapobject_type_id == mapobject_type_id,
    )
    return [storage.root / path for row in session.execute(query) for path in row if path]


def wells_file(storage: ExperimentStorage, result: ToolResult) -> Path:
    """The file with the results for wells.

    Raises
    ------
    NotFound
        If the result has none.
    """
    if result.wells_path is None:
        raise NotFound(f'The result "{result.name}" is about objects alone, not about wells.')
    return storage.root / result.wells_path


def rename_result(session: Session, experiment_id: int, result_id: int, name: str) -> None:
    """Give a result another name.

    Raises
    ------
    NotFound
        If the experiment has no such result.
    Conflict
        If another result of the same objects has the name.
    """
    get_result(session, experiment_id, result_id).name = name
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(
            f'There is a result "{name}" of these objects already: choose another name.'
        ) from error


def delete_result(session: Session, storage: ExperimentStorage, result_id: int) -> list[Path]:
    """Delete a result; a model that was trained for it remains.

    Returns
    -------
    list of Path
        Files of its labels and wells, to be removed after the commit.

    Raises
    ------
    NotFound
        If the experiment has no such result.
    """
    found = get_result(session, storage.experiment_id, result_id)
    session.delete(found)
    return [storage.root / path for path in (found.path, found.wells_path) if path]
