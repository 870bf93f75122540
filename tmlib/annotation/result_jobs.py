"""Results of tools as tables of remarks: the job that makes such a table with all of its rows."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.annotation import mapobject_tables
from tmlib.annotation.known_schemas import find_schema
from tmlib.annotation.models import Annotation
from tmlib.annotation.result_tables import PROGRAM
from tmlib.annotation.tables import Annotator, NewTable, create_table
from tmlib.annotation.values import check_new
from tmlib.db.spatial import bulk_insert
from tmlib.errors import Conflict
from tmlib.experiments.models import Experiment
from tmlib.ledger import programs
from tmlib.ledger.limits import Limits
from tmlib.ledger.programs import Assignment, JobContext, Part, Program
from tmlib.objects.models import Mapobject, MapobjectType
from tmlib.storage import ExperimentStorage
from tmlib.tools import labels
from tmlib.tools.models import ToolResult
from tmlib.tools.service import get_result

logger = logging.getLogger("tmlib.job")

_SECONDS = 60 * 60
_MEGABYTES = 4000
_AT_ONCE = 50_000
_TEXTS, _NUMBERS = "reference_tag", "reference_tag_float"
_NANOMETRES = 1000  # of a micrometre


class ResultTables(Program):
    """Makes tables of what tools have found."""

    name: ClassVar[str] = PROGRAM

    def run(self, context: JobContext, job: Assignment) -> Sequence[Part]:
        """Read the labels of a result, and let the end of the job make a table of them."""
        storage = ExperimentStorage(context.settings.data_dir, context.owner.id)
        asked = job.description
        with context.database.session() as session:
            result = get_result(session, storage.experiment_id, asked["result_id"])
            found = _read(storage, result, asked["tpoint"])
        context.progress(0.5)
        who = Annotator(job.user_id, asked["is_admin"])
        context.effects.append(lambda session: _enter(session, result, found, asked, who))
        return ()

    def limits(self, description: dict[str, Any], step_name: str, phase: str) -> Limits:
        """What a job may take."""
        return Limits(seconds=_SECONDS, memory=_MEGABYTES)


class _Labels(NamedTuple):
    """What rows are to say: ``mapobject_ids`` (n,), and places (n,) in the ``data`` of rows.

    Where labels are numbers, there are these in place of the places, and ``data`` has one row that
    the number is added to.
    """

    mapobject_ids: NDArray[np.int64]
    values: NDArray[Any]
    data: tuple[dict[str, Any], ...]
    are_numbers: bool


def _read(storage: ExperimentStorage, result: ToolResult, tpoint: int | None) -> _Labels:
    table = labels.read(storage.root / result.path).unify_dictionaries()
    if tpoint is not None:
        table = table.filter(pc.equal(table["tpoint"], tpoint))
    ids = table["mapobject_id"].to_numpy()
    values: Any = table["label"].combine_chunks()
    if not pa.types.is_dictionary(values.type):
        numbers = values.to_numpy(zero_copy_only=False)
        is_there = np.isfinite(numbers)
        return _Labels(ids[is_there], numbers[is_there], ({"tag": result.name},), True)
    named = result.attributes.get("label_map", {})
    texts = values.dictionary.to_pylist()
    data = tuple({"tag": named.get(text, {}).get("name", text)} for text in texts)
    codes = values.indices.to_numpy(zero_copy_only=False)
    return _Labels(ids, codes, data, False)


def _enter(
    session: Session, result: ToolResult, found: _Labels, asked: Mapping[str, Any], who: Annotator
) -> None:
    """Make the table and its rows, in the transaction that ends the job.

    Raises
    ------
    Conflict
        If there is a table of the name meanwhile, or the objects are gone.
    """
    mapobject_type = session.get(MapobjectType, result.mapobject_type_id)
    if mapobject_type is None:
        raise Conflict("The objects were deleted meanwhile: there is nothing to save.")
    schema = find_schema(session, _NUMBERS if found.are_numbers else _TEXTS)
    # what the rows say is checked once, and not for each of them
    example = {"target_id": 1} | ({"value": 0.0} if found.are_numbers else {})
    check_new(schema, [example | data for data in found.data])
    size = (session.get_one(Experiment, result.experiment_id).pixel_size or 1.0) * _NANOMETRES
    new = NewTable(
        name=asked["name"],
        schema_name=schema.name,
        description=asked["description"],
        voxel_resolution=(size, size, float(_NANOMETRES)),
        read_permission=asked["read_permission"],
        write_permission=asked["write_permission"],
        reference_table=mapobject_tables.name_of(
            session, result.experiment_id, mapobject_type.name
        ),
    )
    table = create_table(session, result.experiment_id, who, new)
    are_there = _are_there(session, mapobject_type, found.mapobject_ids)
    ids, values = found.mapobject_ids[are_there], found.values[are_there]
    if not len(ids):
        raise Conflict("The objects were replaced meanwhile: run the tool again.")
    if n_gone := len(are_there) - len(ids):
        logger.warning("%d of %d objects are gone and are left out.", n_gone, len(are_there))
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE].tolist()
        bulk_insert(
            session,
            Annotation,
            {
                "experiment_id": [table.experiment_id] * len(some),
                "annotation_table_id": [table.id] * len(some),
                "id": range(start + 1, start + 1 + len(some)),
                "created_at": [table.created_at] * len(some),
                "user_id": [who.user_id] * len(some),
                "target_id": some,
                "data": list(_data(found, values[start : start + _AT_ONCE])),
            },
        )
    table.n_rows, table.next_id = len(ids), len(ids) + 1
    session.flush()


def _data(found: _Labels, values: NDArray[Any]) -> Iterator[dict[str, Any]]:
    if found.are_numbers:
        [said] = found.data
        return ({**said, "value": number} for number in values.tolist())
    return (found.data[code] for code in values.tolist())


def _are_there(
    session: Session, mapobject_type: MapobjectType, mapobject_ids: NDArray[np.int64]
) -> NDArray[np.bool_]:
    query = select(Mapobject.id).where(
        Mapobject.experiment_id == mapobject_type.experiment_id,
        Mapobject.mapobject_type_id == mapobject_type.id,
    )
    there = np.fromiter(session.scalars(query.execution_options(yield_per=_AT_ONCE)), np.int64)
    return np.isin(mapobject_ids, there)


programs.register(ResultTables())
