"""The encoding of vector tiles, read by an independent program."""

from typing import Any

import mapbox_vector_tile
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tmlib.objects.tiles.vector_tile_encoding import (
    POINT,
    POLYGON,
    Features,
    Ragged,
    double_values,
    encode_layer,
    label_tags,
    point_geometry,
    ring_geometry,
    square_geometry,
    uint_values,
    varints,
    zigzag,
)

NO_TAGS = Ragged(np.empty(0, np.uint64), np.empty(0, np.int64))

coordinates = st.integers(-(2**30), 2**30)


def decode(content: bytes) -> Any:
    layers = mapbox_vector_tile.decode(content, default_options={"y_coord_down": True})
    return layers["name"]


def no_tags(n: int) -> Ragged:
    return Ragged(np.empty(0, np.uint64), np.zeros(n, np.int64))


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**62), st.integers(-1, 2**31 - 1), st.tuples(coordinates, coordinates)
        ),
        min_size=1,
        max_size=20,
    )
)
def test_points_come_back(objects: list[tuple[int, int, tuple[int, int]]]) -> None:
    ids, labels, points = zip(*objects, strict=True)
    tags, values = label_tags(np.array(labels))
    features = Features(
        np.full(len(ids), POINT), point_geometry(np.array(points)), tags, np.array(ids)
    )
    layer = decode(encode_layer("name", features, ["label"], values))
    assert layer["extent"] == 1024
    for feature, id_, label, point in zip(layer["features"], ids, labels, points, strict=True):
        assert feature["id"] == id_
        assert feature["geometry"] == {"type": "Point", "coordinates": [*point]}
        assert feature["properties"] == ({} if label < 0 else {"label": label})


@given(
    st.lists(
        st.lists(st.integers(3, 200), min_size=1, max_size=3),
        min_size=1,
        max_size=6,
    ),
    st.integers(0, 2**32),
)
def test_rings_come_back(sizes: list[list[int]], seed: int) -> None:
    """Outer rings are circles side by side, as parts of a polygon that do not touch."""
    rings: list[NDArray[np.int64]] = []
    owners: list[int] = []
    expected: list[list[list[list[int]]]] = []
    random = np.random.default_rng(seed)
    left = int(random.integers(-1000, 1000))
    for feature, ring_sizes in enumerate(sizes):
        expected.append([])
        for size in ring_sizes:
            angles = np.arange(size) * 2 * np.pi / size
            circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
            ring = np.rint(1000 * circle + np.array([left, 500]))
            left += 3000
            rings.append(ring.astype(np.int64))
            owners.append(feature)
            expected[-1].append([*ring.astype(int).tolist(), ring[0].astype(int).tolist()])
    geometry = ring_geometry(
        np.concatenate(rings),
        np.repeat(np.arange(len(rings)), [len(ring) for ring in rings]),
        np.array(owners),
        len(sizes),
    )
    kinds = np.full(len(sizes), POLYGON)
    layer = decode(encode_layer("name", Features(kinds, geometry, no_tags(len(sizes)))))
    for feature, parts in zip(layer["features"], expected, strict=True):
        found = feature["geometry"]["coordinates"]
        assert found == ([[part] for part in parts] if len(parts) > 1 else [parts[0]])


def test_squares_and_values_come_back() -> None:
    tags = Ragged(np.array([0, 0, 1, 2, 0, 1], np.uint64), np.array([4, 2]))
    features = Features(np.full(2, POLYGON), square_geometry(np.array([[3, 5], [63, 0]])), tags)
    values = uint_values(np.array([7, 300])) + double_values(np.array([-2.5]))
    layer = decode(encode_layer("name", features, ["count", "mean"], values, extent=64))
    assert layer["extent"] == 64
    assert [one["properties"] for one in layer["features"]] == [
        {"count": 7, "mean": -2.5},
        {"count": 300},
    ]
    assert [one["geometry"]["coordinates"] for one in layer["features"]] == [
        [[[3, 5], [4, 5], [4, 6], [3, 6], [3, 5]]],
        [[[63, 0], [64, 0], [64, 1], [63, 1], [63, 0]]],
    ]


def test_a_layer_without_features_is_nothing() -> None:
    empty = Features(np.empty(0, np.int64), point_geometry(np.empty((0, 2), np.int64)), NO_TAGS)
    assert encode_layer("name", empty) == b""


@pytest.mark.parametrize(
    ("number", "content"),
    [(0, "00"), (127, "7f"), (128, "8001"), (300, "ac02"), (2**64 - 1, "ff" * 9 + "01")],
)
def test_varints_as_protobuf_has_them(number: int, content: str) -> None:
    assert varints(np.array([number], np.uint64)).hex() == content


def test_zigzag_keeps_small_numbers_small() -> None:
    numbers = np.array([0, -1, 1, -2, 2, 2**31 - 1, -(2**31)])
    assert zigzag(numbers).tolist() == [0, 1, 2, 3, 4, 2**32 - 2, 2**32 - 1]
