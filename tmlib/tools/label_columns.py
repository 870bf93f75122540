"""Tool results as columns of the table of objects."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import select

from tmlib.db import Database
from tmlib.objects.columns import GivenLabels, LabelSource
from tmlib.storage import ExperimentStorage
from tmlib.tools import labels
from tmlib.tools.models import ToolResult


def label_sources(
    database: Database, storage: ExperimentStorage, mapobject_type_id: int
) -> list[LabelSource]:
    """The results about objects of a type, in the order of their ids."""
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
    return [_source(name, storage.root / path, path) for name, path in found]


def _source(name: str, path: Path, key: str) -> LabelSource:
    kind = pq.read_schema(path).field("label").type
    return LabelSource(name, key, pa.types.is_dictionary(kind), partial(_read, path))


def _read(path: Path) -> GivenLabels:
    table = labels.read(path).unify_dictionaries()
    values: Any = table["label"].combine_chunks()
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
