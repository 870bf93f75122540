"""Tables in all their forms: the same content, typed, and in little memory."""

import io
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.tmlib.objects.conftest import Laboratory, crowd, label_image
from tmlib.objects.table.metadata import Metadata, select_metadata
from tmlib.objects.values import feature_files
from tmlib.objects.values.compaction import compact
from tmlib.objects.values.feature_files import FeatureFile
from tmlib.objects.values.feature_values import FeatureValues, select_feature_values
from tmlib.objects.values.table_streams import (
    StreamedTable,
    TableFormat,
    arrow_stream,
    parquet_stream,
    stream,
)
from tmlib.storage import ExperimentStorage


def read(table: StreamedTable, table_format: TableFormat) -> Any:
    content = b"".join(stream(table, table_format))
    if table_format is TableFormat.PARQUET:
        return pq.read_table(io.BytesIO(content))
    return pa.ipc.open_stream(content).read_all()


def values(laboratory: Laboratory) -> StreamedTable:
    found = select_feature_values(laboratory.database, laboratory.storage, laboratory.type_id())
    return found.values


def metadata(laboratory: Laboratory) -> Metadata:
    return select_metadata(laboratory.database, laboratory.experiment_id, laboratory.type_id())


@pytest.fixture
def crowded(laboratory: Laboratory) -> Laboratory:
    for site in range(3):
        laboratory.record(site, crowd(site))
    compact(laboratory.database, laboratory.storage, laboratory.type_id())
    laboratory.record(1, crowd(7), tpoint=1)
    return laboratory


@pytest.mark.parametrize("table_format", [TableFormat.PARQUET, TableFormat.ARROW])
def test_values_are_those_of_the_csv_with_all_their_digits(
    crowded: Laboratory, table_format: TableFormat
) -> None:
    table = values(crowded)
    found = read(table, table_format)
    names = ["mapobject_id", "tpoint", "Morphology_area", "Intensity_mean_DNA"]
    assert found.schema.names == names
    assert found.schema.types == [pa.int64(), pa.int32(), pa.float64(), pa.float64()]
    assert found.schema.metadata[b"tmserver.feature_values"] == b"1"
    frame = pd.DataFrame(found.to_pydict())
    assert frame.equals(pd.read_csv(io.BytesIO(b"".join(table.csv()))).round(6)) is False
    assert frame.round(6).equals(pd.read_csv(io.BytesIO(b"".join(table.csv()))))


@pytest.mark.parametrize("table_format", [TableFormat.PARQUET, TableFormat.ARROW])
def test_metadata_is_that_of_the_csv(crowded: Laboratory, table_format: TableFormat) -> None:
    table = metadata(crowded)
    found = read(table, table_format)
    assert found.schema.metadata[b"tmserver.metadata"] == b"1"
    assert found.schema.field("is_border").type == pa.bool_()
    frame = pd.DataFrame(found.to_pydict())
    assert frame["is_border"].any()
    frame["is_border"] = frame["is_border"].astype(int)
    assert frame.equals(pd.read_csv(io.BytesIO(b"".join(table.csv()))))


@pytest.mark.parametrize("table_format", [TableFormat.PARQUET, TableFormat.ARROW])
def test_tables_without_rows_have_their_columns(
    laboratory: Laboratory, table_format: TableFormat
) -> None:
    laboratory.record(0, label_image())
    assert read(values(laboratory), table_format).num_rows == 0
    found = read(metadata(laboratory), table_format)
    assert (found.num_rows, found.schema.names[:2]) == (0, ["mapobject_id", "plate_name"])


@pytest.mark.parametrize("make", [parquet_stream, arrow_stream])
def test_rows_are_sent_before_the_last_ones_are_read(make: Any) -> None:
    schema = pa.schema([pa.field("mapobject_id", pa.int64())])
    n_read = 0

    def tables() -> Iterator[Any]:
        nonlocal n_read
        for _ in range(10):
            n_read += 1
            yield pa.table([np.arange(70_000)], schema=schema)

    parts = make(schema, tables())
    assert next(parts)
    assert n_read == 1
    assert sum(len(part) for part in parts) > 0
    assert n_read == 10


N_FEATURES = 20


@pytest.mark.parametrize("table_format", list(TableFormat))
def test_memory_does_not_grow_with_the_rows(tmp_path: Path, table_format: TableFormat) -> None:
    few = peak(many_values(tmp_path, 200_000), table_format)
    many = peak(many_values(tmp_path, 500_000), table_format)
    assert many < 1.05 * few


def many_values(folder: Path, n_rows: int) -> FeatureValues:
    """Values in one compacted file, as it is on disk."""
    storage = ExperimentStorage(folder, 1)
    path = feature_files.new_path(storage, 1, 0, 0)
    keys = tuple(f"feature {i}" for i in range(N_FEATURES))

    def tables() -> Iterator[Any]:
        random = np.random.default_rng(0)
        for start in range(0, n_rows, 50_000):
            ids = np.arange(start, start + 50_000)
            columns = [ids, ids.astype(np.int32), np.full(50_000, start, np.int32)]
            measured = random.random(50_000).astype(np.float32).astype(float)
            yield pa.table([*columns, *[measured] * N_FEATURES], schema=feature_files.schema(keys))

    feature_files.write(path, keys, tables())
    file = FeatureFile(path, None, 0, 0, n_rows)
    return FeatureValues(None, storage, 1, keys, keys, [file], None)  # type: ignore[arg-type] # not asked


def peak(source: FeatureValues, table_format: TableFormat) -> int:
    """Most bytes that were in use while a table was streamed."""
    before, most = pa.total_allocated_bytes(), 0
    tracemalloc.start()
    for part in stream(source.values, table_format):
        most = max(most, pa.total_allocated_bytes() - before + len(part))
    _, of_python = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most + of_python
