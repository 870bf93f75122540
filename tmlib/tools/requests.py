"""Tool requests: their validation, the work on them, and their results."""

import difflib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from tmlib.accounts.models import User
from tmlib.db import Database
from tmlib.errors import BadInput, Conflict, NotFound
from tmlib.experiments.service import get_experiment
from tmlib.objects.models import EmptySite, Feature, Mapobject, MapobjectType
from tmlib.objects.values import feature_files
from tmlib.objects.values.feature_values import select_feature_values
from tmlib.storage import ExperimentStorage
from tmlib.tools import labels, remarks
from tmlib.tools.base import (
    MAX_COUNTED,
    UNKNOWN_MODEL,
    ChosenObjects,
    Finding,
    Progress,
    Tool,
    part_of,
)
from tmlib.tools.learning import model_files, model_service
from tmlib.tools.models import Plot, ToolModel, ToolResult
from tmlib.tools.payloads import Payload
from tmlib.tools.plates.wells import NO_WELLS, read_layout
from tmlib.tools.values import read

logger = logging.getLogger("tmlib.job")

_READ = 0.1
"""Fraction of the work that is done once the values have been read."""
_COMPUTED = 0.95


@dataclass(frozen=True)
class PreparedResult:
    """A result whose files are written, to be recorded with :func:`record`."""

    storage: ExperimentStorage
    submission_id: int
    tool_name: str
    mapobject_type_id: int
    finding: Finding
    path: Path
    wells_path: Path | None
    model_path: Path | None


def check(
    session: Session,
    storage: ExperimentStorage,
    user_id: int,
    tool: Tool[Any],
    payload: Payload,
    *,
    is_admin: bool = False,
) -> ChosenObjects:
    """Validate a request before any value is read.

    Parameters
    ----------
    session
        Database session.
    storage
        Storage of the experiment.
    user_id
        The user, who must be allowed to read the experiment of a model that is applied, and the
        table of remarks that is asked for.
    tool, payload
        The request.
    is_admin
        Whether the user acts as administrator.

    Raises
    ------
    BadInput
        If the request cannot be fulfilled.
    NotFound
        If there is no table of remarks of that name.
    Forbidden
        If the user may not read it.
    """
    # who asked as administrator may have ceased to be one when the job runs
    is_admin = is_admin and session.get_one(User, user_id).is_admin
    experiment_id = storage.experiment_id
    name = payload.chosen_object_type
    found = session.scalar(
        select(MapobjectType).where(
            MapobjectType.experiment_id == experiment_id, MapobjectType.name == name
        )
    )
    if found is None:
        raise BadInput(_unknown("mapobject type", name, _names(session, experiment_id)))
    model = tool.model(session, payload)
    if model is not None:
        _check_access(session, model, user_id, is_admin=is_admin)
    features = payload.features if model is None else tuple(model.description["features"])
    column = tool.remarks(payload)
    reader = remarks.Reader(experiment_id, user_id, is_admin)
    objects = ChosenObjects(
        experiment_id=experiment_id,
        type_id=found.id,
        type_name=name,
        feature_ids=_feature_ids(session, found, features),
        n_objects=_count_objects(session, found),
        layout=read_layout(session, experiment_id, found.id) if tool.needs_wells else NO_WELLS,
        model_file=None if model is None else _file_of(storage, model),
        remarks=None if column is None else remarks.read(session, reader, found.id, column),
    )
    _check_values(session, storage, found, features)
    tool.check(session, payload, objects)
    return objects


def _check_values(
    session: Session,
    storage: ExperimentStorage,
    mapobject_type: MapobjectType,
    features: tuple[str, ...],
) -> None:
    """Check that every feature has a value, as far as the statistics of the files tell."""
    files = feature_files.list_files(session, storage, mapobject_type.id)
    if not any(file.n_rows for file in files):
        name = mapobject_type.name
        empty = select(EmptySite.site_id).where(EmptySite.mapobject_type_id == mapobject_type.id)
        if session.scalar(empty.limit(1)) is not None:
            raise BadInput(
                f'No object "{name}" was found on any site that was analysed, so there is nothing '
                "to compute with. If there should be some, try the pipeline out on a site."
            )
        raise BadInput(f'There are no feature values of "{name}" yet: run the workflow first.')
    keys = dict(
        session.execute(
            select(Feature.name, Feature.key).where(Feature.mapobject_type_id == mapobject_type.id)
        ).all()
    )
    without = feature_files.without_values(files, {keys[name] for name in features})
    for name in features:
        if keys[name] in without:
            raise BadInput(f'No object has a value of the feature "{name}": choose another one.')


def _count_objects(session: Session, mapobject_type: MapobjectType) -> int:
    some = (
        select(Mapobject.id)
        .where(
            Mapobject.experiment_id == mapobject_type.experiment_id,
            Mapobject.mapobject_type_id == mapobject_type.id,
        )
        .limit(MAX_COUNTED)
    )
    return session.scalar(select(func.count()).select_from(some.subquery())) or 0


def _check_access(session: Session, model: ToolModel, user_id: int, *, is_admin: bool) -> None:
    try:
        get_experiment(session, user_id, model.experiment_id, "read", is_admin=is_admin)
    except NotFound:
        # the same message as for a model that does not exist, so that nothing is disclosed
        raise BadInput(UNKNOWN_MODEL) from None


def _file_of(storage: ExperimentStorage, model: ToolModel) -> Path:
    return ExperimentStorage(storage.data_dir, model.experiment_id).root / model.path


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
    user_id: int,
    tool: Tool[Any],
    payload: Payload,
    progress: Progress,
    *,
    is_admin: bool = False,
) -> PreparedResult:
    """Run a tool and write its result to files; takes long, and nothing is visible yet.

    Its user is as for `check`.

    Raises
    ------
    BadInput
        If the request cannot be fulfilled.
    Conflict
        If the objects were replaced in the meantime.
    """
    with database.session() as session:
        objects = check(session, storage, user_id, tool, payload, is_admin=is_admin)
    stored = select_feature_values(
        database, storage, objects.type_id, features=list(objects.feature_ids)
    )
    values = read(stored, only_complete=not tool.takes_incomplete, dtype=tool.dtype(payload))
    logger.info("%d objects with %d features are read", len(values.matrix), len(stored.names))
    progress(_READ)
    finding = tool.compute(payload, objects, values, part_of(progress, _READ, _COMPUTED))
    logger.info("%d objects are labelled", len(finding.labels.values))
    path = labels.write(storage, finding.labels)
    wells_path = model_path = None
    if finding.wells is not None:
        wells_path = labels.write_table(storage, finding.wells)
    if finding.model is not None:
        model_path = model_files.new_path(storage)
        model_files.write(model_path, finding.model)
    return PreparedResult(
        storage, submission_id, tool.name, objects.type_id, finding, path, wells_path, model_path
    )


def record(session: Session, prepared: PreparedResult) -> None:
    """Make a result visible, and the model that was trained for it.

    Raises
    ------
    Conflict
        If the type of the objects was deleted in the meantime.
    """
    found = session.get(MapobjectType, prepared.mapobject_type_id)
    if found is None:
        raise Conflict("The objects were deleted while the tool worked: ask it again.")
    storage, finding = prepared.storage, prepared.finding
    name = f"{prepared.tool_name}-{prepared.submission_id}"
    results = (ToolResult.mapobject_type_id == found.id, ToolResult.name)
    session.add(
        ToolResult(
            experiment_id=storage.experiment_id,
            submission_id=prepared.submission_id,
            mapobject_type_id=found.id,
            name=_free_name(session, *results, finding.name or name),
            tool_name=prepared.tool_name,
            type=finding.type,
            attributes=finding.attributes,
            path=_relative(storage, prepared.path),
            wells_path=prepared.wells_path and _relative(storage, prepared.wells_path),
            n_labels=len(finding.labels.values),
            plots=[
                Plot(position=position, type=figure.type, attributes=figure.attributes)
                for position, figure in enumerate(finding.plots)
            ],
        )
    )
    if finding.model is not None and prepared.model_path is not None:
        models = (ToolModel.experiment_id == storage.experiment_id, ToolModel.name)
        name = _free_name(session, *models, name)
        session.add(
            model_service.row_of(
                storage, finding.model, prepared.model_path, name, prepared.submission_id
            )
        )


def _relative(storage: ExperimentStorage, path: Path) -> str:
    return path.relative_to(storage.root).as_posix()


def _free_name(
    session: Session, where: ColumnElement[bool], column: InstrumentedAttribute[str], name: str
) -> str:
    """A name, with a star added if another result has it already."""
    if session.scalar(select(column).where(where, column == name)) is None:
        return name
    return _free_name(session, where, column, f"{name}*")
