"""Points as precomputed annotations, read as the format is described."""

import struct
from collections import defaultdict
from datetime import UTC, datetime
from itertools import product
from typing import Any

import numpy as np
import pytest

from tmlib.annotation.precomputed import Points
from tmlib.annotation.reading import Row
from tmlib.annotation.recent_points import RecentPoints
from tmlib.annotation.schemas import Schema, cave_schemas, read_json_schema
from tmlib.annotation.spatial_levels import divide
from tmlib.errors import BadInput, Busy, NotFound

VOXEL = (325.0, 325.0, 1000.0)
FORMATS = {"float32": "f", "int32": "i", "uint16": "H", "uint8": "B"}


def rows(*values: dict[str, Any]) -> list[Row]:
    moment = datetime(2026, 1, 31, tzinfo=UTC)
    return [Row(n, moment, None, None, None, 1, None, one) for n, one in enumerate(values, 1)]


def read(info: dict[str, Any], content: bytes) -> dict[int, tuple[Any, ...]]:
    """Position and properties of all points of a list, by their numbers."""
    record = struct.Struct("<3f" + "".join(FORMATS[one["type"]] for one in info["properties"]))
    size = -(-record.size // 4) * 4
    (count,) = struct.unpack_from("<Q", content)
    assert len(content) == 8 + count * (size + 8)
    ids = struct.unpack_from(f"<{count}Q", content, 8 + count * size)
    return {
        number: (found[:3], *map(labelled, info["properties"], found[3:]))
        for place, number in enumerate(ids)
        for found in [record.unpack_from(content, 8 + place * size)]
    }


def labelled(described: dict[str, Any], value: Any) -> Any:
    if "enum_values" not in described:
        return value
    return described["enum_labels"][described["enum_values"].index(value)]


def test_points_are_found_with_what_they_have_and_refer_to() -> None:
    schema: Schema = read_json_schema(
        "remarks",
        {
            "properties": {
                "pt": {"$ref": "#/definitions/BoundSpatialPoint"},
                "tag": {"type": "string"},
                "is_sure": {"type": "boolean"},
                "Size": {"type": "number", "description": "in micrometres"},
                "count": {"type": "integer"},
                "many": {"type": "integer"},
                "target_id": {"type": "integer"},
            }
        },
    )
    names = ("pt_position", "tag", "is_sure", "Size", "count", "many", "target_id")
    values = [
        ([1.5, 2, 3], "a", True, 0.5, 7, 2**40, 12),
        (None, "nowhere", True, 1, 1, 1, 12),
        ([-4, 9, 3], None, False, None, -7, 1, None),
        ([100, 2, 3], "a", None, 1e300, 0, 1, 12),
    ]
    found = Points(
        schema,
        "pt",
        VOXEL,
        rows(*(dict(zip(names, one, strict=True)) for one in values)),
        "cells",
    )
    info = found.info()
    assert info["dimensions"] == {
        axis: [pytest.approx(size), "m"]
        for axis, size in zip("xyz", (3.25e-7, 3.25e-7, 1e-6), strict=True)
    }
    properties = {one["id"]: one for one in info["properties"]}
    assert {name: one["type"] for name, one in properties.items()} == {
        "field_Size": "float32",
        "count": "int32",
        "many": "float32",
        "tag": "uint8",
        "is_sure": "uint8",
    }
    assert properties["field_Size"]["description"] == "in micrometres"
    assert info["relationships"] == [{"id": "cells", "key": "related"}]
    points = read(info, found.related(12))
    assert list(points) == [1, 4]
    assert points[1] == ((1.5, 2, 3), 0.5, 7, 2**40, "a", "true")
    assert points[4][1] == float("inf")
    assert points[4][-1] == "(not given)"
    for target in (0, 77):
        assert read(info, found.related(target)) == {}
    one = found.one(3)
    size = len(one) - 4
    assert read(info, struct.pack("<Q", 1) + one[:size] + struct.pack("<Q", 3))[3][0] == (-4, 9, 3)
    assert struct.unpack_from("<I", one, size) == (0,)
    assert struct.unpack_from("<IQ", found.one(4), size) == (1, 12)
    for number in (0, 2, 5, 10**18 - 1):
        with pytest.raises(NotFound, match=f"no point {number}"):
            found.one(number)
    with pytest.raises(BadInput, match='no point "tag": pt'):
        Points(schema, "tag", VOXEL, [])


def test_every_field_has_a_name_that_the_format_allows() -> None:
    named = {"f2": "f2", "_padding": "field__padding", "position": "position_2", "größe": "gr__e"}
    for fields in ({"f2": "f2"}, named):
        properties = {name: {"type": "boolean"} for name in fields}
        point = {"pt": {"$ref": "#/definitions/BoundSpatialPoint"}}
        schema = read_json_schema("named", {"properties": {**point, **properties}})
        values = {"pt_position": [1, 2, 3], **dict.fromkeys(fields, True)}
        found = Points(schema, "pt", VOXEL, rows(values))
        assert [one["id"] for one in found.info()["properties"]] == list(fields.values())
        assert read(found.info(), found.cell(0, (0, 0, 0))) == {
            1: ((1, 2, 3), *["true"] * len(fields))
        }


def test_every_point_is_in_the_cell_of_one_level() -> None:
    places = np.random.default_rng(2).random((3000, 3)) * [4000, 1000, 2] - [50, 0, 0]
    schema = cave_schemas()["bound_tag"]
    found = Points(
        schema,
        "pt",
        VOXEL,
        rows(*({"pt_position": place.tolist(), "tag": str(n)} for n, place in enumerate(places))),
    )
    info = found.info()
    # texts of which there are too many say nothing
    assert info["properties"] == []
    lower, upper = np.array(info["lower_bound"]), np.array(info["upper_bound"])
    seen: defaultdict[int, list[int]] = defaultdict(list)
    for number, level in enumerate(info["spatial"]):
        shape, size = level["grid_shape"], np.array(level["chunk_size"])
        assert level["key"] == f"spatial{number}"
        assert (size * shape == upper - lower).all()
        for cell in product(*map(range, shape)):
            points = read(info, found.cell(number, cell))
            assert len(points) <= level["limit"] <= 2200
            for row, (place,) in points.items():
                assert place == pytest.approx(places[row - 1], abs=1e-3)
                start = lower + size * cell
                assert (start <= place).all()
                assert (place <= start + size).all()
                seen[row].append(number)
    assert sorted(seen) == list(range(1, 3001))
    assert all(len(levels) == 1 for levels in seen.values())
    assert len(info["spatial"]) > 1
    for level, cell in ((0, (1, 0, 0)), (0, (0, 0)), (99, (0, 0, 0))):
        with pytest.raises(NotFound, match="no such cell"):
            found.cell(level, cell)


def test_cells_are_as_long_as_they_are_wide_and_end_where_all_points_are_one() -> None:
    places = np.random.default_rng(2).random((9000, 3), np.float32) * [4000, 1000, 16]
    levels = divide(places.astype(np.float32), (1, 1, 1), 50).all
    for level in levels[3:]:
        halved = [size for size, n in zip(level.size, level.shape, strict=True) if n > 1]
        assert max(level.size) <= 2 * min(halved)
    same = divide(np.ones((700, 3), np.float32), (1, 1, 1), 20).all
    assert sum(len(level.points) for level in same) == 700
    nothing = Points(cave_schemas()["bound_tag"], "pt", VOXEL, [])
    assert read(nothing.info(), nothing.cell(0, (0, 0, 0))) == {}


def test_points_are_made_once_and_the_oldest_forgotten() -> None:
    schema = cave_schemas()["bound_tag"]
    recent, made = RecentPoints(most=3), []

    def get(key: str) -> int:
        def make() -> Points:
            made.append(key)
            return Points(schema, "pt", VOXEL, rows(*[{"pt_position": [1, 2, 3], "tag": "a"}] * 2))

        return len(recent.get(key, make))

    for key in ("a", "a", "b", "b", "a"):
        assert get(key) == 2
    assert made == ["a", "b", "a"]


def test_points_of_one_table_are_made_at_a_time() -> None:
    recent = RecentPoints(patience=0)

    def nothing() -> Points:
        return Points(cave_schemas()["bound_tag"], "pt", VOXEL, [])

    kept = recent.get("kept", nothing)

    def fail() -> Points:
        assert recent.get("kept", nothing) is kept
        for key in ("same", "other"):
            with pytest.raises(Busy, match="try again"):
                recent.get(key, nothing)
        raise BadInput("-")

    with pytest.raises(BadInput):
        recent.get("same", fail)
    for key in ("same", "other"):
        assert len(recent.get(key, nothing)) == 0
