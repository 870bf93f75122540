"""Vector tiles by zoom level, beside the bare query of the same objects and beside GeoJSON.

Times are processor times of this process and of its process in the database together, which other
programs of the machine disturb little.
"""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic_core import to_json
from sqlalchemy import text
from sqlalchemy.orm import Session

from benchmarks.databases import DATABASES
from benchmarks.generated import Generated, generated, sizes
from benchmarks.timing import print_header, print_row
from tmlib.objects.tiles.geojson_tiles import segmentation_tile
from tmlib.objects.tiles.layer_index import LayerIndex, layer_index
from tmlib.objects.tiles.spatial_queries import objects_at
from tmlib.objects.tiles.vector_tiles import TileKind, TilePlace, level_kind, vector_tile
from tmlib.objects.versions import layer_version

_TILES = 40  # of each level
_POINTS = 200
_RUNS = 3

_BOX = {
    "postgresql": "outline && ST_MakeEnvelope(:min_x, :min_y, :max_x, :max_y, 0) "
    "AND segmentation_layer_id = :layer_id",
    "sqlite": "id IN (SELECT id FROM mapobject_segmentation_boxes "
    "WHERE min_layer <= :layer_id AND max_layer >= :layer_id "
    "AND min_x <= :max_x AND max_x >= :min_x AND min_y <= :max_y AND max_y >= :min_y)",
}
_OUTLINES = (
    "SELECT mapobject_id, label, outline FROM mapobject_segmentations "
    "WHERE experiment_id = :experiment_id AND {box}"
)
_CELLS = (
    "SELECT CAST(centroid_x / :cell AS INTEGER), CAST(centroid_y / :cell AS INTEGER), count(*) "
    "FROM mapobject_segmentations WHERE experiment_id = :experiment_id AND {box} GROUP BY 1, 2"
)


class Clock:
    """Processor time that this process and its process in the database have taken."""

    def __init__(self, session: Session) -> None:
        self._file: Path | None = None
        if session.get_bind().dialect.name == "postgresql":
            pid = session.scalar(text("SELECT pg_backend_pid()"))
            self._file = Path(f"/proc/{pid}/schedstat")
            # so that there is one process
            session.execute(text("SET max_parallel_workers_per_gather = 0"))

    def milliseconds(self) -> float:
        """Since some moment."""
        there = 0 if self._file is None else int(self._file.read_text().split()[0])
        return (time.process_time_ns() + there) / 1e6


class Timed(NamedTuple):
    """Times in milliseconds and what came out, one of each tile."""

    times: list[float]
    results: list[Any]

    def __str__(self) -> str:
        """Median and 95th percentile."""
        if not any(self.results):
            return "nothing shown"
        return f"{np.median(self.times):.1f} ({np.percentile(self.times, 95):.1f})"


def main() -> None:
    for n_objects in sizes(100_000, 1_000_000):
        for kind in DATABASES:
            with generated(kind, n_objects, 1) as installation:
                _measure(kind, n_objects, installation)


def _measure(kind: str, n_objects: int, installation: Generated) -> None:
    layer = installation.layer
    with installation.database.session() as session:
        clock = Clock(session)
        version = layer_version(session, layer.id)
        index = layer_index(session, installation.storage, layer, version)
        print(f"\n{n_objects:,} objects on {kind}:")
        print_header(
            [
                "level",
                "shows",
                "objects in a tile",
                "kB, median (largest)",
                "tile, ms",
                "bare query, ms",
                "ratio of medians",
                "GeoJSON, ms",
                "GeoJSON, kB",
            ]
        )
        for z in range(installation.experiment.map_levels or 0):
            _measure_level(session, clock, kind, installation, index, z)
        _measure_points(session, clock, kind, installation, index)


def _measure_level(
    session: Session,
    clock: Clock,
    kind: str,
    installation: Generated,
    index: LayerIndex,
    z: int,
) -> None:
    experiment, layer = installation.experiment, installation.layer
    levels = experiment.map_levels or 0
    places = _places(index, levels - 1 - z)
    shown = level_kind(index, levels - 1 - z)

    def tile(place: TilePlace) -> bytes:
        return vector_tile(session, installation.storage, layer, place).content

    def bare(place: TilePlace) -> list[Any]:
        query = _CELLS if shown is TileKind.DENSITY else _OUTLINES
        return _query(session, kind, query, installation, place)

    def geojson(place: TilePlace) -> bytes:
        found = segmentation_tile(session, layer, place.x, place.y, z, levels)
        return to_json(found) if found["features"] else b""

    tiles, rows, features = (_time(clock, function, places) for function in (tile, bare, geojson))
    tile_sizes = [len(content) / 1000 for content in tiles.results]
    n_objects = [_count(index, place) for place in places]
    print_row(
        [
            str(z),
            shown.value,
            f"{np.median(n_objects):.0f}",
            f"{np.median(tile_sizes):.1f} ({max(tile_sizes):.1f})",
            str(tiles),
            str(rows),
            f"{np.median(tiles.times) / np.median(rows.times):.2f}",
            str(features),
            f"{np.median([len(content) for content in features.results]) / 1000:.1f}",
        ]
    )


def _measure_points(
    session: Session, clock: Clock, kind: str, installation: Generated, index: LayerIndex
) -> None:
    """The object under the cursor, beside the bare query of what may be there."""
    random = np.random.default_rng(1)
    chosen = random.integers(0, len(index.codes), _POINTS)
    points = [(float(index.x[position]), float(index.y[position])) for position in chosen]

    def find(point: tuple[float, float]) -> list[Any]:
        return objects_at(session, installation.layer, *point, 100)

    def bare(point: tuple[float, float]) -> list[Any]:
        x, y = point
        return _run(session, kind, _OUTLINES, installation, (x, y, x, y), 1)

    print_header(["object under the cursor, ms", "bare query, ms"])
    print_row([str(_time(clock, find, points)), str(_time(clock, bare, points))])


def _places(index: LayerIndex, zoomed_out: int) -> list[TilePlace]:
    """Some tiles of a level that have objects, the same for everything that is measured."""
    random = np.random.default_rng(0)
    size = 256 << zoomed_out
    chosen = random.integers(0, len(index.codes), 4 * _TILES)
    found = {
        TilePlace(int(index.x[position] // size), int(index.y[position] // size), zoomed_out)
        for position in chosen
    }
    return sorted(found)[:: max(1, math.ceil(len(found) / _TILES))]


def _count(index: LayerIndex, place: TilePlace) -> int:
    tile = index.tile(*place)
    return int(tile.stop - tile.start)


def _time(clock: Clock, function: Callable[[Any], Any], arguments: Sequence[Any]) -> Timed:
    """Times of a function, the least of a few runs for each of its arguments."""
    times, results = [], []
    for argument in arguments:
        own: list[float] = []
        while len(own) < _RUNS and sum(own) < 1000:
            start = clock.milliseconds()
            result = function(argument)
            own.append(clock.milliseconds() - start)
        times.append(min(own))
        results.append(result)
    return Timed(times, results)


def _query(
    session: Session, kind: str, query: str, installation: Generated, place: TilePlace
) -> list[Any]:
    left, top = place.x * place.size, place.y * place.size
    box = (left, top, left + place.size, top + place.size)
    return _run(session, kind, query, installation, box, place.size // 64)


def _run(
    session: Session,
    kind: str,
    query: str,
    installation: Generated,
    box: tuple[float, float, float, float],
    cell: int,
) -> list[Any]:
    min_x, min_y, max_x, max_y = box
    values = {"min_x": min_x, "min_y": min_y, "max_x": max_x, "max_y": max_y, "cell": cell}
    values |= {"experiment_id": installation.experiment.id, "layer_id": installation.layer.id}
    # S608: the text is put together from constants of this module
    statement = text(query.format(box=_BOX[kind]))
    used = {name: values[name] for name in statement.compile().params}
    return list(session.execute(statement, used).all())
