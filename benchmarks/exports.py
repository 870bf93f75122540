"""Feature values over HTTP, as CSV, Parquet and Arrow, against pyarrow that writes a table."""

import sys
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from sqlalchemy import insert

from benchmarks.generated import sizes
from benchmarks.serving import Laboratory, Server, laboratory, served
from benchmarks.timing import print_header, print_row, readable, seconds
from tmlib.ids import encode_id
from tmlib.objects.mapobject_types import ensure_features, ensure_layer, ensure_mapobject_type
from tmlib.objects.models import FeatureValueFile
from tmlib.objects.values import feature_files

_SIZES = sizes(100_000, 1_000_000)
_N_FEATURES = 100
_CHUNK = 1 << 20


def main() -> None:
    """Print processor time and size of each form."""
    for n_objects in _SIZES:
        print(f"\n{n_objects:,} objects, {_N_FEATURES} features", file=sys.stderr)
        _run(n_objects)


def _run(n_objects: int) -> None:
    table = _measured(n_objects)
    with laboratory() as installation, TemporaryDirectory() as folder:
        type_id = _store(installation, table)
        with served("tmserver.wsgi:application", installation.environment) as server:
            columns = ("tmserver over HTTP", "pyarrow", "ratio", "MB, tmserver", "MB, pyarrow")
            print_header([f"{n_objects:,} objects", *columns])
            for form in ("csv", "parquet", "arrow"):
                ours, theirs = Path(folder, f"ours.{form}"), Path(folder, f"theirs.{form}")
                path = (
                    f"/api/experiments/{encode_id(installation.experiment_id)}"
                    f"/mapobject_types/{encode_id(type_id)}/feature-values?format={form}"
                )
                headers = server.log_in()
                our_time = server.seconds(lambda: _download(server, path, headers, ours))  # noqa: B023 - called at once
                their_time = seconds(lambda: _write(table, form, theirs))  # noqa: B023 - called at once
                _compare(table, form, ours)
                megabytes = [f"{file.stat().st_size / 1e6:.0f}" for file in (ours, theirs)]
                ratio = f"{our_time / their_time:.2f}"
                print_row([form, readable(our_time), readable(their_time), ratio, *megabytes])


def _measured(n_objects: int) -> Any:
    """A table like those of an analysis: numbers of all sizes with as many digits as they have."""
    random = np.random.default_rng(0)
    columns: list[Any] = [np.arange(1, n_objects + 1)]
    for index in range(_N_FEATURES):
        spread = random.lognormal(index % 10 - 2, 1, n_objects)
        columns.append(np.floor(spread * 100) if index % 5 == 0 else spread)
    names = ["mapobject_id", *(f"feature {i}" for i in range(_N_FEATURES))]
    return pa.table(columns, names=names)


def _store(installation: Laboratory, table: Any) -> int:
    """Store the table as the values of objects are stored; returns the id of their type."""
    storage, keys = installation.storage, table.column_names[1:]
    owner = {"experiment_id": installation.experiment_id}
    with installation.database.transaction() as session:
        type_id = ensure_mapobject_type(session, installation.experiment_id, "Cells", "Site")
        ensure_layer(session, type_id, 0, 0, as_polygons=True)
        ensure_features(session, installation.experiment_id, type_id, keys)
    labels = np.arange(1, table.num_rows + 1, dtype=np.int32)
    sites = np.ones(table.num_rows, np.int32)
    stored = pa.table(
        [table.column(0), labels, sites, *table.columns[1:]], schema=feature_files.schema(keys)
    )
    path = feature_files.new_path(storage, type_id, 0, 0)
    n_rows = feature_files.write(path, keys, [stored])
    with installation.database.transaction() as session:
        place = {"mapobject_type_id": type_id, "tpoint": 0, "zplane": 0}
        session.execute(
            insert(FeatureValueFile).values(
                **owner, **place, path=path.relative_to(storage.root).as_posix(), n_rows=n_rows
            )
        )
    return type_id


def _download(server: Server, path: str, headers: dict[str, str], target: Path) -> None:
    request = urllib.request.Request(f"{server.url}{path}", headers=headers)  # noqa: S310 - our own child
    with urllib.request.urlopen(request) as answer, target.open("wb") as file:  # noqa: S310 - our own child
        while chunk := answer.read(_CHUNK):
            file.write(chunk)


def _write(table: Any, form: str, target: Path) -> None:
    match form:
        case "csv":
            pyarrow.csv.write_csv(table, target)
        case "parquet":
            pq.write_table(table, target)
        case "arrow":
            with pa.ipc.new_stream(target, table.schema) as writer:
                writer.write_table(table)


def _compare(table: Any, form: str, path: Path) -> None:
    """Stop if a file does not hold the table."""
    match form:
        case "csv":
            found = pyarrow.csv.read_csv(path)
        case "parquet":
            found = pq.read_table(path)
        case "arrow":
            found = pa.ipc.open_stream(path).read_all()
    for name in table.column_names:
        if not np.allclose(found[name].to_numpy(), table[name].to_numpy(), rtol=0, atol=6e-7):
            raise SystemExit(f"The {form} file has other values of {name}.")
