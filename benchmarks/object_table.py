"""The table of all objects over HTTP, against NumPy and pandas with the same columns in memory."""

import json
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from itertools import count, product
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sqlalchemy import insert, select

from benchmarks.databases import DATABASES
from benchmarks.serving import Laboratory, Server, laboratory, served
from benchmarks.timing import print_header, print_row, readable, seconds
from tmlib.experiments.models import Plate, Site, Well
from tmlib.ids import encode_id
from tmlib.objects.mapobject_types import ensure_features, ensure_layer, ensure_mapobject_type
from tmlib.objects.models import FeatureValueFile
from tmlib.objects.values import feature_files

_SIZES = ((100_000, 100), (1_000_000, 100), (10_000_000, 10))
_PER_SITE, _SITES, _WELLS = 300, 9, 384
_REPEATS = 10
_GROUP = 65_536


def main() -> None:
    """Print processor time of the server and time of the clock for each size."""
    for (n_objects, n_features), kind in product(_SIZES, DATABASES):
        print(f"\n{n_objects:,} objects, {n_features} features, {kind}", file=sys.stderr)
        with laboratory(kind) as installation:
            path, type_id = _store(installation, n_objects, n_features)
            with served("tmserver.wsgi:application", installation.environment) as server:
                _Bench(installation, server, type_id, path, n_objects, n_features).run()


class _Bench:
    """Asks a server for the table of one type and prints how long that takes."""

    def __init__(
        self,
        installation: Laboratory,
        server: Server,
        type_id: int,
        path: Path,
        n_objects: int,
        n_features: int,
    ) -> None:
        self.server = server
        self.headers = server.log_in()
        experiment = encode_id(installation.experiment_id)
        self.url = f"{server.url}/api/experiments/{experiment}/mapobject_types/{encode_id(type_id)}"
        self.path = path
        self.n_objects = n_objects
        self.n_features = n_features
        self.unused = count(2)

    def run(self) -> None:
        """Print the table."""
        deep = int(self.n_objects * 0.9)
        few = [f"feature {number}" for number in range(min(8, self.n_features))]
        columns = ["mapobject_id", "well_name", *few]
        every = ["mapobject_id", *(f"feature {number}" for number in range(self.n_features))]
        by_area = [{"column": "feature 0"}]
        large = [{"column": "feature 1", "min": 0.5}]
        wells = ["plate_name", "well_name"]
        frame = self._frame()
        print_header(
            [f"{self.n_objects:,} x {self.n_features}", "processor", "clock", "in memory", "MB"]
        )
        binary = {"dtype": "float32", "tpoint": 0, "format": "binary"}
        self._row("values of a feature, first time", "/values", self._new("column", **binary))
        again = {"column": "feature 0", **binary}
        in_memory = lambda: pq.read_table(self.path, columns=["mapobject_id", "feature 0"])  # noqa: E731
        self._row("values of a feature again", "/values", again, in_memory)
        self._row("the same as Arrow, float64", "/values", {"column": "feature 0"})
        self._row("the same, zstd", "/values", again, encoding="zstd")
        self._row("page of 100 x 10", "/table", {"columns": columns})
        page = {"columns": columns, "sort": by_area, "offset": deep}
        sort = lambda: np.argsort(frame["feature 0"].to_numpy(), kind="stable")  # noqa: E731
        self._row("sort by a feature, first time", "/table", self._sorted(columns), sort)
        self._row("the same sorted, at 90 %", "/table", page)
        self._row("with a filter", "/table", {**page, "filter": large, "offset": deep // 2})
        if self.n_features == _SIZES[1][1]:
            self._row("page of 100 x 101, sorted, at 90 %", "/table", {**page, "columns": every})
        group = lambda: frame.groupby("well")["feature 0"].agg(  # noqa: E731
            ["count", "mean", "std", "min", "max", "median"]
        )
        self._row("statistics by well", "/table/groups", {"columns": few[:1], "by": wells}, group)
        histogram = lambda: np.histogram(frame["feature 0"].to_numpy(), 100)  # noqa: E731
        self._row("histogram and quantiles", "/table/distribution", {"column": few[0]}, histogram)

    def _new(self, name: str, **more: Any) -> Callable[[], dict[str, Any]]:
        """A query for a feature that was not asked for yet."""
        return lambda: {name: f"feature {next(self.unused) % self.n_features}", **more}

    def _sorted(self, columns: list[str]) -> Callable[[], dict[str, Any]]:
        """A query for an order that was not asked for yet, by columns that were."""
        unused = iter([(name, down) for down in (True, False) for name in columns[2:]])

        def query() -> dict[str, Any]:
            name, descending = next(unused)
            return {"columns": columns, "sort": [{"column": name, "descending": descending}]}

        return query

    def _frame(self) -> pd.DataFrame:
        table = pq.read_table(self.path, columns=["mapobject_id", "site_id", "feature 0"])
        frame: pd.DataFrame = table.to_pandas()
        frame["well"] = frame["site_id"] // _SITES
        return frame

    def _row(
        self,
        name: str,
        route: str,
        query: dict[str, Any] | Callable[[], dict[str, Any]],
        in_memory: Callable[[], object] | None = None,
        encoding: str = "identity",
    ) -> None:
        make = query if callable(query) else lambda: query
        is_new = callable(query)
        if not is_new:
            self._get(route, make(), encoding)
        clock, size = [], 0

        def ask() -> None:
            nonlocal size
            start = time.perf_counter()
            size = self._get(route, make(), encoding)
            clock.append(time.perf_counter() - start)

        # processor times are counted in hundredths of a second
        repeats = 1 if is_new else _REPEATS

        def ask_again_and_again() -> None:
            for _ in range(repeats):
                ask()

        processor = self.server.seconds(ask_again_and_again, with_client=False)
        bare = readable(seconds(in_memory)) if in_memory else ""
        print_row(
            [
                name,
                readable(processor / repeats),
                readable(median(clock)),
                bare,
                f"{size / 1e6:.1f}",
            ]
        )

    def _get(self, route: str, query: dict[str, Any], encoding: str) -> int:
        text = {
            name: json.dumps(value) if isinstance(value, list) else value
            for name, value in query.items()
        }
        request = urllib.request.Request(  # noqa: S310 - our own child
            f"{self.url}{route}?{urllib.parse.urlencode(text)}",
            headers={**self.headers, "Accept-Encoding": encoding},
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - our own child
            return len(answer.read())


def _store(installation: Laboratory, n_objects: int, n_features: int) -> tuple[Path, int]:
    """Store objects as a finished workflow leaves their values; gives the file and their type."""
    storage, owner = installation.storage, {"experiment_id": installation.experiment_id}
    n_wells = -(-n_objects // (_PER_SITE * _SITES))
    keys = [f"feature {number}" for number in range(n_features)]
    with installation.database.transaction() as session:
        for number in range(n_wells):
            if number % _WELLS == 0:
                plate = Plate(**owner, name=f"Plate {2 + number // _WELLS}")
                session.add(plate)
            row, column = divmod(number % _WELLS, 24)
            sites = [
                Site(**owner, y=i // 3, x=i % 3, field=i, height=2048, width=2048)
                for i in range(_SITES)
            ]
            plate.wells.append(Well(**owner, name=f"{chr(65 + row)}{column + 1:02d}", sites=sites))
        session.flush()
        site_ids = np.array(
            session.scalars(select(Site.id).join(Well).join(Plate).where(Plate.id > 1)).all()
        )
        type_id = ensure_mapobject_type(session, installation.experiment_id, "Cells", "Site")
        ensure_layer(session, type_id, 0, 0, as_polygons=True)
        ensure_features(session, installation.experiment_id, type_id, keys)
    path = feature_files.new_path(storage, type_id, 0, 0)
    n_rows = feature_files.write(path, keys, _tables(n_objects, keys, np.sort(site_ids)))
    with installation.database.transaction() as session:
        file = {"path": path.relative_to(storage.root).as_posix(), "n_rows": n_rows}
        place = {"mapobject_type_id": type_id, "tpoint": 0, "zplane": 0}
        session.execute(insert(FeatureValueFile).values(**owner, **place, **file))
    return path, type_id


def _tables(n_objects: int, keys: list[str], site_ids: NDArray[Any]) -> Iterator[Any]:
    """Measured values: numbers of all sizes with as many digits as they have."""
    random = np.random.default_rng(0)
    for start in range(0, n_objects, _GROUP):
        numbers = np.arange(start, min(start + _GROUP, n_objects))
        columns = [random.lognormal(index % 10 - 2, 1, len(numbers)) for index in range(len(keys))]
        labels = (numbers % _PER_SITE + 1).astype(np.int32)
        sites = site_ids[numbers // _PER_SITE].astype(np.int32)
        yield pa.table([numbers + 1, labels, sites, *columns], schema=feature_files.schema(keys))
