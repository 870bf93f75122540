"""Files of annotations that have points, a line of JSON each."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pydantic_core import from_json
from sqlalchemy import select

from tmlib.db import Database
from tmlib.errors import NotFound
from tmlib.portal.importing import LARGEST_ID
from tmlib.portal.models import TABLES

_FORMAT = "ndjson"
_FARTHEST = 3.4e38  # viewers are told of places in numbers of 32 bits
_LARGEST_INSTANCE = 2**63 - 1
_SHAPES = ("Point", "OrientedPoint", "InstanceSegmentation")


class Point(NamedTuple):
    """A point of an annotation.

    Attributes
    ----------
    place
        x, y and z in voxels.
    instance
        The number of the object that it belongs to, if that is told.
    """

    place: tuple[float, float, float]
    instance: int | None


@dataclass(frozen=True)
class PointFile:
    """A file with points.

    Attributes
    ----------
    row
        What names it.
    spacing
        Edge of a voxel in angstroms.
    has_instances
        Whether points tell which objects they belong to.
    """

    row: Mapping[str, Any]
    spacing: float
    has_instances: bool


def is_of_points(file: Mapping[str, Any]) -> bool:
    """Whether a file of an annotation, with its ``shape_type``, has points at known places."""
    is_placed = file["tomogram_voxel_spacing_id"] is not None
    return is_placed and file["format"] == _FORMAT and file["shape_type"] in _SHAPES


def find_point_file(database: Database, number: int) -> PointFile:
    """A file with points, by the number of its row.

    Raises
    ------
    NotFound
        If there is none, or its voxels have no size.
    """
    file, shape, spacing = (
        TABLES[name] for name in ("AnnotationFile", "AnnotationShape", "TomogramVoxelSpacing")
    )
    statement = (
        select(file, shape.c.shape_type, spacing.c.voxel_spacing)
        .join(shape, shape.c.id == file.c.annotation_shape_id)
        .join(spacing, spacing.c.id == file.c.tomogram_voxel_spacing_id)
        .where(file.c.id == number)
    )
    with database.snapshot() as connection:
        found = connection.execute(statement).one_or_none() if number <= LARGEST_ID else None
    if found is None or not is_of_points(row := dict(found._mapping)):
        raise NotFound(f"The catalogue has no points of annotations by the number {number}.")
    edge = row["voxel_spacing"]
    if not (math.isfinite(edge) and edge > 0):
        raise NotFound(f"The voxels of the points {number} have no size.")
    return PointFile(row, edge, row["shape_type"] == "InstanceSegmentation")


def read_points(path: Path) -> Iterator[Point]:
    """Points one by one.

    Raises
    ------
    NotFound
        If the file is not there, or a line is no point.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _point(line, number)
    except FileNotFoundError:
        raise NotFound("The content of this file is not there any more.") from None


def _point(line: bytes, number: int) -> Point:
    try:
        return _read(line)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
        raise NotFound(f"Line {number} of this file is no point.") from None


def _read(line: bytes) -> Point:
    told = from_json(line, allow_inf_nan=False)
    x, y, z = (float(told["location"][axis]) for axis in "xyz")
    given = told.get("instance_id")
    instance = None if given is None else int(given)
    # NaN is not near either
    is_near = all(abs(one) <= _FARTHEST for one in (x, y, z))
    if not is_near or abs(instance or 0) > _LARGEST_INSTANCE:
        raise ValueError(told)
    return Point((x, y, z), instance)
