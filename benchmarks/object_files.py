"""Objects as AnnData and GeoJSON over HTTP, against h5py and shapely that write from memory."""

import json
import sys
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from sqlalchemy import select

from benchmarks.generated import sizes
from benchmarks.serving import Laboratory, laboratory, served
from benchmarks.timing import print_header, print_row, readable, seconds
from tmlib.accounts.models import User
from tmlib.ids import encode_id
from tmlib.objects.models import MapobjectSegmentation, MapobjectType
from tmlib.objects.values.feature_values import select_feature_values
from tmlib.sample.experiment import GeneratedExperiment, generate_experiment
from tmlib.storage import ExperimentStorage

_SIZES = sizes(100_000)
_N_FEATURES = 100
_CHUNK = 1 << 20


def main() -> None:
    """Print processor time of server and client, and sizes."""
    for n_objects in _SIZES:
        print(f"\n{n_objects:,} objects, {_N_FEATURES} features", file=sys.stderr)
        _run(n_objects)


def _run(n_objects: int) -> None:
    with laboratory() as installation, TemporaryDirectory() as name:
        folder = Path(name)
        path, values, outlines = _generate(installation, n_objects)
        with served("tmserver.wsgi:application", installation.environment) as server:
            headers = server.log_in()
            print_header(
                [f"{n_objects:,} objects", "tmserver over HTTP", "from memory", "ratio", "MB"]
            )
            columns = json.dumps(list(values.columns[:10])).replace('"', "%22").replace(" ", "")
            rows = (
                ("h5ad, 100 features", "anndata", lambda: _write_h5(values, folder / "own.h5")),
                ("geojson, no features", "geojson?columns=[]", lambda: _write_json(outlines, None)),
                (
                    "geojson, 10 features",
                    f"geojson?columns={columns}",
                    lambda: _write_json(outlines, values.iloc[:, :10]),
                ),
            )
            for form, route, write in rows:
                file = folder / "theirs"
                url = f"{server.url}{path}/{route}"
                taken = server.seconds(lambda: _download(url, headers, file))  # noqa: B023 - called at once
                bare = seconds(write)
                size = f"{file.stat().st_size / 1e6:.0f}"
                print_row([form, readable(taken), readable(bare), f"{taken / bare:.2f}", size])


def _generate(
    installation: Laboratory, n_objects: int
) -> tuple[str, pd.DataFrame, NDArray[np.object_]]:
    """Path of a type with many objects; their values and outlines in memory."""
    database, data_dir = installation.database, installation.settings.data_dir
    with database.session() as session:
        user_id = session.scalars(select(User.id)).one()
    size = GeneratedExperiment(n_objects, _N_FEATURES)
    experiment_id = generate_experiment(database, data_dir, user_id, "Generated", size)
    with database.session() as session:
        type_id = session.scalars(
            select(MapobjectType.id).where(
                MapobjectType.experiment_id == experiment_id, MapobjectType.name == "Cells"
            )
        ).one()
        outlines = session.scalars(
            select(MapobjectSegmentation.outline).where(
                MapobjectSegmentation.experiment_id == experiment_id,
                MapobjectSegmentation.label.is_not(None),
            )
        ).all()
    storage = ExperimentStorage(data_dir, experiment_id)
    table = select_feature_values(database, storage, type_id).values
    frame = pd.concat(part.to_pandas() for part in table.tables()).drop(columns="mapobject_id")
    path = f"/api/experiments/{encode_id(experiment_id)}/mapobject_types/{encode_id(type_id)}"
    return path, frame, np.array(outlines, dtype=object)


def _write_h5(values: pd.DataFrame, target: Path) -> None:
    with h5py.File(target, "w") as file:
        file.create_dataset("X", data=values.to_numpy())


def _write_json(outlines: NDArray[np.object_], values: pd.DataFrame | None) -> str:
    """A feature collection, with the json module of Python."""
    properties = [{}] * len(outlines) if values is None else values.to_dict("records")
    features = [
        f'{{"type":"Feature","geometry":{geometry},"properties":{json.dumps(one)}}}'
        for geometry, one in zip(shapely.to_geojson(outlines), properties, strict=True)
    ]
    return f'{{"type":"FeatureCollection","features":[{",".join(features)}]}}'


def _download(url: str, headers: dict[str, str], target: Path) -> None:
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - our own child
    with urllib.request.urlopen(request) as answer, target.open("wb") as file:  # noqa: S310 - our own child
        while chunk := answer.read(_CHUNK):
            file.write(chunk)
