"""Tool results as columns of the table of objects."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import select

from tmlib.db import Database
from tmlib.objects.table.columns import GivenLabels, LabelSource
from tmlib.storage import ExperimentStorage
from tmlib.tools import labels
from tmlib.tools.models import ToolResult

_LABEL, _IDENTIFIERS = "label", ("tpoint", "mapobject_id")


def label_sources(
    database: Database, storage: ExperimentStorage, mapobject_type_id: int
) -> list[LabelSource]:
    """The results about objects of a type, in the order of their ids.

    Further numbers that a tool has computed for each object follow its labels, as ``RESULT.NAME``.
    """
    query = (
        select(ToolResult.name, ToolResult.path)
        .where(
            ToolResult.experiment_id == storage.experiment_id,
            ToolResult.mapobject_type_id == mapobject_type_id,
        )
        .order_by(ToolResult.id)
    )
    with database.session() as session:
        found = session.execute(query).all()
    return [source for name, path in found for source in _sources(name, storage.root / path, path)]


def _sources(name: str, path: Path, key: str) -> Iterator[LabelSource]:
    """The labels of a result, and further numbers that some tools compute."""
    for field in pq.read_schema(path):
        read = partial(_read, path, field.name)
        if field.name == _LABEL:
            yield LabelSource(name, key, pa.types.is_dictionary(field.type), read)
        elif field.name not in _IDENTIFIERS:
            yield LabelSource(f"{name}.{field.name}", f"{key}/{field.name}", False, read)


def _read(path: Path, column: str) -> GivenLabels:
    table = labels.read(path).unify_dictionaries()
    values: Any = table[column].combine_chunks()
    texts = None
    if pa.types.is_dictionary(values.type):
        texts = tuple(values.dictionary.to_pylist())
        values = values.indices
    return GivenLabels(
        mapobject_ids=table["mapobject_id"].to_numpy(),
        tpoints=table["tpoint"].to_numpy(),
        values=np.asarray(values.to_numpy(zero_copy_only=False)),
        texts=texts,
    )
