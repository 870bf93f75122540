"""Asking tools, and what becomes of their answers."""

import difflib
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, selectinload

from tmlib.db import Database
from tmlib.errors import BadInput, Conflict, NotFound
from tmlib.objects.feature_values import select_feature_values
from tmlib.objects.metadata import TextColumn
from tmlib.objects.models import Feature, FeatureValueFile, Mapobject, MapobjectType
from tmlib.storage import ExperimentStorage
from tmlib.tools import labels
from tmlib.tools.base import ChosenObjects, Finding, Payload, Tool
from tmlib.tools.models import Plot, ToolResult
from tmlib.tools.values import read


@dataclass(frozen=True)
class PreparedResult:
    """A result whose labels are written, to be recorded with :func:`record`."""

    storage: ExperimentStorage
    submission_id: int
    tool_name: str
    mapobject_type_id: int
    finding: Finding
    path: Path


def check(session: Session, experiment_id: int, tool: Tool[Any], payload: Payload) -> ChosenObjects:
    """Find out what must go wrong with a request, before any value is read.

    Raises
    ------
    BadInput
        If the tool cannot do what it is asked to.
    """
    name = payload.chosen_object_type
    found = session.scalar(
        select(MapobjectType).where(
            MapobjectType.experiment_id == experiment_id, MapobjectType.name == name
        )
    )
    if found is None:
        raise BadInput(_unknown("mapobject type", name, _names(session, experiment_id)))
    objects = ChosenObjects(
        experiment_id=experiment_id,
        type_id=found.id,
        type_name=name,
        feature_ids=_feature_ids(session, found, payload.features),
        n_objects=session.scalar(
            select(func.count())
            .select_from(Mapobject)
            .where(
                Mapobject.experiment_id == experiment_id, Mapobject.mapobject_type_id == found.id
            )
        )
        or 0,
    )
    files = FeatureValueFile
    has_values = select(files.id).where(files.mapobject_type_id == found.id, files.n_rows > 0)
    if session.scalar(has_values.limit(1)) is None:
        raise BadInput(f'There are no feature values of "{name}" yet: run the workflow first.')
    tool.check(session, payload, objects)
    return objects


def _names(session: Session, experiment_id: int) -> list[str]:
    types = MapobjectType
    query = select(types.name).where(types.experiment_id == experiment_id).order_by(types.name)
    return list(session.scalars(query))


def _feature_ids(
    session: Session, mapobject_type: MapobjectType, names: tuple[str, ...]
) -> dict[str, int]:
    known = dict(
        session.execute(
            select(Feature.name, Feature.id)
            .where(Feature.mapobject_type_id == mapobject_type.id)
            .order_by(Feature.id)
        ).all()
    )
    for name in names:
        if name not in known:
            what = f'feature of "{mapobject_type.name}"'
            raise BadInput(_unknown(what, name, list(known)))
    return {name: known[name] for name in names}


def _unknown(what: str, name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f'did you mean "{close[0]}"?' if close else f"use one of {', '.join(known[:10])}."
    if not known:
        hint = "there are none yet, run the workflow first."
    return f'There is no {what} named "{name}": {hint}'


def prepare(
    database: Database,
    storage: ExperimentStorage,
    submission_id: int,
    tool: Tool[Any],
    payload: Payload,
) -> PreparedResult:
    """Let a tool do its work and write the labels; takes long and changes nothing anybody sees.

    Raises
    ------
    BadInput
        If the tool cannot do what it is asked to.
    Conflict
        If the objects are replaced meanwhile.
    """
    with database.session() as session:
        objects = check(session, storage.experiment_id, tool, payload)
    stored = select_feature_values(
        database, storage, objects.type_id, features=list(payload.features)
    )
    finding = tool.compute(payload, objects, read(stored))
    path = labels.write(storage, finding.labels)
    return PreparedResult(storage, submission_id, tool.name, objects.type_id, finding, path)


def record(session: Session, prepared: PreparedResult) -> None:
    """Make a result visible.

    Raises
    ------
    Conflict
        If the type of the objects was deleted meanwhile.
    """
    found = session.get(MapobjectType, prepared.mapobject_type_id)
    if found is None:
        raise Conflict("The objects were deleted while the tool worked: ask it again.")
    session.add(
        ToolResult(
            experiment_id=prepared.storage.experiment_id,
            submission_id=prepared.submission_id,
            mapobject_type_id=found.id,
            name=_free_name(session, found.id, f"{prepared.tool_name}-{prepared.submission_id}"),
            tool_name=prepared.tool_name,
            type=prepared.finding.type,
            attributes=prepared.finding.attributes,
            path=prepared.path.relative_to(prepared.storage.root).as_posix(),
            n_labels=len(prepared.finding.labels.values),
            plots=[
                Plot(position=position, type=figure.type, attributes=figure.attributes)
                for position, figure in enumerate(prepared.finding.plots)
            ],
        )
    )


def _free_name(session: Session, mapobject_type_id: int, name: str) -> str:
    """A name, with a star if somebody has given it to another result."""
    taken = select(ToolResult.id).where(
        ToolResult.mapobject_type_id == mapobject_type_id, ToolResult.name == name
    )
    if session.scalar(taken) is None:
        return name
    return _free_name(session, mapobject_type_id, f"{name}*")


def get_results(
    session: Session,
    experiment_id: int,
    *,
    submission_id: int | None = None,
    name: str | None = None,
    mapobject_type_id: int | None = None,
) -> list[ToolResult]:
    """Results of an experiment in the order of their ids, with their plots."""
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
    """The labels of all objects of a type, a column per result in the order of their ids.

    Objects that a tool has given none have ``nan``.
    """
    with database.session() as session:
        results = get_results(session, storage.experiment_id, mapobject_type_id=mapobject_type_id)
    return [
        (result.name, functools.partial(labels.texts_of, storage.root / result.path))
        for result in results
    ]


def label_files(session: Session, storage: ExperimentStorage, mapobject_type_id: int) -> list[Path]:
    """Files of all results about objects of a type, to be removed when these are deleted."""
    query = select(ToolResult.path).where(
        ToolResult.experiment_id == storage.experiment_id,
        ToolResult.mapobject_type_id == mapobject_type_id,
    )
    return [storage.root / path for path in session.scalars(query)]


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


def delete_result(session: Session, storage: ExperimentStorage, result_id: int) -> Path:
    """Delete a result.

    Returns
    -------
    Path
        File of its labels, to be removed after the commit.

    Raises
    ------
    NotFound
        If the experiment has no such result.
    """
    found = get_result(session, storage.experiment_id, result_id)
    session.delete(found)
    return storage.root / found.path
