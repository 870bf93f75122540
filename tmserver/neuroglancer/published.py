"""Points of published annotations for Neuroglancer, which need no link: everybody may read them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from flask import Response, request

from tmlib.annotation.fields import Field, Kind
from tmlib.annotation.precomputed import BY_ID, Points
from tmlib.annotation.schemas import Schema
from tmlib.errors import NotFound
from tmlib.portal.files import FileStore, find_file
from tmlib.portal.named_files import named_place
from tmlib.portal.point_files import PointFile, find_point_file, read_points
from tmserver.access import Access
from tmserver.http.routing import Routes
from tmserver.neuroglancer.links import PREFIX
from tmserver.neuroglancer.requested import points_in_cell, read_number

PUBLISHED = f"{PREFIX}/published"
"""What the numbers of published files are below."""

_BYTES = "application/octet-stream"
_KEPT_FOR = 600  # seconds; what is published does not change, and may be withdrawn
_FOLDER = "/published/<file_id>"
_NANOMETRES = 0.1  # of an angstrom
_POINT, _INSTANCE = "point", "instance_id"
_PLACE = Field(_POINT, Kind.POSITION)
_OF_POINTS = Schema("published_point", "PublishedPoint", (_PLACE,))
_OF_INSTANCES = Schema(
    "published_instance", "PublishedInstance", (_PLACE, Field(_INSTANCE, Kind.INTEGER))
)

routes = Routes("published points", prefix=PREFIX)


class _Row(NamedTuple):
    id: int
    values: dict[str, Any]


@routes.get(f"{_FOLDER}/info", permits="public", raises=(404, 503))
def get_published_points_info(access: Access, file_id: int) -> dict[str, Any]:
    """Describe the points of a file of a published annotation, whose number the catalogue tells."""
    return _points(access, file_id).info()


@routes.get(f"{_FOLDER}/{BY_ID}/<line>", permits="public", raises=(404, 503), media=(_BYTES,))
def get_published_point(access: Access, file_id: int, line: str) -> Response:
    """Get a published point by the number of its line."""
    return _sent(_points(access, file_id).one(read_number(line)))


@routes.get(f"{_FOLDER}/<level>/<cell>", permits="public", raises=(404, 503), media=(_BYTES,))
def get_published_points_in_cell(access: Access, file_id: int, level: str, cell: str) -> Response:
    """Get the published points in a cell of a level: `1_2_0` of `spatial3`."""
    return _sent(points_in_cell(_points(access, file_id), level, cell))


def _points(access: Access, number: int) -> Points:
    found = find_point_file(access.database, number)
    place = named_place(found.row, "path", f"{request.url_root.rstrip('/')}/s3")
    if place is None:
        raise NotFound(f"The points {number} are not at this server.")
    digest = find_file(access.database, place.bucket, place.key).digest
    path = FileStore(access.settings.data_dir).path(digest)

    def make() -> Points:
        schema = _OF_INSTANCES if found.has_instances else _OF_POINTS
        return Points(schema, _POINT, [found.spacing * _NANOMETRES] * 3, _rows(found, path))

    return access.services.recent_points.get((digest, found.spacing, found.has_instances), make)


def _rows(found: PointFile, path: Path) -> Iterator[_Row]:
    for number, point in enumerate(read_points(path), start=1):
        values: dict[str, Any] = {_POINT: point.place}
        if found.has_instances:
            values[_INSTANCE] = point.instance
        yield _Row(number, values)


def _sent(content: bytes) -> Response:
    response = Response(content, mimetype=_BYTES)
    response.headers["Cache-Control"] = f"public, max-age={_KEPT_FOR}"
    return response
