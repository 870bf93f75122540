"""Mapbox Vector Tiles (specification 2.1): whole layers encoded at once.

Everything in a feature is a varint: tags of fields, lengths, ids and coordinates. The features of a
layer are therefore built as one long array of numbers with array arithmetic, and converted into
bytes in one pass.

https://github.com/mapbox/vector-tile-spec/tree/master/2.1
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

EXTENT = 1024
"""Width and height of a tile in units of its coordinates: four per screen pixel."""

POINT, POLYGON = 1, 3
"""Geometry types of features."""

Numbers = NDArray[np.uint64]
Integers = NDArray[np.int64]

# field numbers with wire types
_LAYER, _NAME, _FEATURE, _KEY, _VALUE, _EXTENT, _VERSION = 0x1A, 0x0A, 0x12, 0x1A, 0x22, 0x28, 0x78
_ID, _TAGS, _TYPE, _GEOMETRY = 0x08, 0x12, 0x18, 0x22
_STRING, _DOUBLE, _UINT = 0x0A, 0x19, 0x28
_MOVE_TO, _LINE_TO, _CLOSE_PATH = 9, 2, 15  # of one point; without a count; of a ring


class Ragged(NamedTuple):
    """A variable number of numbers for each of n features, concatenated.

    Attributes
    ----------
    numbers
        All of them.
    counts
        Number of numbers of each feature, shape (n,).
    """

    numbers: Numbers
    counts: Integers


class Features(NamedTuple):
    """Features of a layer.

    Attributes
    ----------
    kinds
        Geometry type of each: 1 points, 3 polygons.
    geometry
        Commands and parameters of each.
    tags
        Indices of keys and values, alternating.
    ids
        Id of each; None if they have none.
    """

    kinds: Integers
    geometry: Ragged
    tags: Ragged
    ids: Integers | None = None


def encode_layer(
    name: str,
    features: Features,
    keys: Sequence[str] = (),
    values: bytes = b"",
    extent: int = EXTENT,
) -> bytes:
    """Encode a tile of one layer; empty if it has no features.

    Parameters
    ----------
    name
        Name of the layer.
    features, keys, values
        Its features, names of properties, and their values as :func:`uint_values` encodes them.
    extent
        Width and height of the tile in units of its coordinates.
    """
    if not len(features.kinds):
        return b""
    body = _field(_NAME, name.encode()) + encode_features(features)
    body += b"".join(_field(_KEY, key.encode()) for key in keys)
    body += values
    body += bytes([_EXTENT]) + _varint(extent) + bytes([_VERSION, 2])
    return _field(_LAYER, body)


def encode_features(features: Features) -> bytes:
    """Encode the features of a layer."""
    n = len(features.kinds)
    parts = [] if features.ids is None else [_columns(n, _ID, features.ids)]
    if features.tags.numbers.size:
        parts += _packed(_TAGS, features.tags)
    parts.append(_columns(n, _TYPE, features.kinds))
    parts += _packed(_GEOMETRY, features.geometry)
    message = join(parts)
    owners = np.repeat(np.arange(n), message.counts)
    sizes = np.bincount(owners, varint_sizes(message.numbers), n).astype(np.int64)
    return varints(join([_columns(n, _FEATURE, sizes), message]).numbers)


def _columns(n: int, *columns: int | Numbers | Integers) -> Ragged:
    """The same kinds of numbers for each of n features, column by column."""
    table = np.empty((n, len(columns)), np.uint64)
    for position, column in enumerate(columns):
        table[:, position] = column
    return Ragged(table.ravel(), np.full(n, len(columns), np.int64))


def _packed(field: int, content: Ragged) -> list[Ragged]:
    """A packed field: its tag, its size in bytes, and its numbers; left out if it is empty."""
    n = len(content.counts)
    owners = np.repeat(np.arange(n), content.counts)
    sizes = np.bincount(owners, varint_sizes(content.numbers), n).astype(np.int64)
    is_there = content.counts > 0
    head = _columns(n, field, sizes).numbers.reshape(n, 2)[is_there].ravel()
    return [Ragged(head, np.where(is_there, 2, 0)), content]


def join(parts: Sequence[Ragged]) -> Ragged:
    """Concatenate the numbers of each feature, part by part."""
    counts: Integers = np.sum([part.counts for part in parts], axis=0, dtype=np.int64)
    joined = np.empty(int(counts.sum()), np.uint64)
    places = np.cumsum(counts) - counts
    for part in parts:
        joined[_positions(places, part.counts)] = part.numbers
        places = places + part.counts
    return Ragged(joined, counts)


def _positions(starts: Integers, counts: Integers) -> Integers:
    """Indices of runs with these starts and lengths."""
    before = np.cumsum(counts) - counts
    positions: Integers = np.arange(int(counts.sum())) + np.repeat(starts - before, counts)
    return positions


def label_tags(labels: NDArray[np.integer[Any]]) -> tuple[Ragged, bytes]:
    """Tags of a property, and its values; features whose label is negative lack it."""
    is_there = labels >= 0
    numbers, positions = np.unique(labels[is_there], return_inverse=True)
    tags = np.stack([np.zeros_like(positions), positions], axis=1).astype(np.uint64)
    return Ragged(tags.ravel(), np.where(is_there, 2, 0)), uint_values(numbers)


def point_geometry(points: Integers) -> Ragged:
    """Commands that draw a point (x, y) per feature; shape (n, 2)."""
    return _columns(len(points), _MOVE_TO, *zigzag(points).T)


def square_geometry(corners: Integers) -> Ragged:
    """Commands that draw a square of one unit per feature, from its corner (x, y)."""
    one, minus_one = 2, 1  # in zigzag encoding
    line = (3 << 3) | _LINE_TO
    sides = (one, 0, 0, one, minus_one, 0)
    return _columns(len(corners), _MOVE_TO, *zigzag(corners).T, line, *sides, _CLOSE_PATH)


def ring_geometry(points: Integers, rings: Integers, owners: Integers, n_features: int) -> Ragged:
    """Commands that draw polygons.

    Parameters
    ----------
    points
        (x, y) of all vertices, ring by ring without the closing one, shape (m, 2).
    rings
        Index of the ring of each vertex, ascending from 0.
    owners
        Index of the feature of each ring, ascending.
    n_features
        Number of features.
    """
    lengths = np.bincount(rings, minlength=len(owners))
    starts = np.cumsum(lengths) - lengths
    deltas = np.diff(points, axis=0, prepend=0)
    # a feature starts at the origin, each further ring where the last one ended
    first_of_feature = starts[np.flatnonzero(np.diff(owners, prepend=-1))]
    deltas[first_of_feature] = points[first_of_feature]
    n_numbers = 2 * lengths + 3
    numbers = np.empty(int(n_numbers.sum()), np.uint64)
    heads = np.cumsum(n_numbers) - n_numbers
    numbers[heads] = _MOVE_TO
    numbers[heads + 3] = ((lengths - 1) << 3) | _LINE_TO
    numbers[heads + n_numbers - 1] = _CLOSE_PATH
    place = np.arange(len(points)) - starts[rings]
    targets = heads[rings] + np.where(place == 0, 1, 2 + 2 * place)
    numbers[targets], numbers[targets + 1] = zigzag(deltas).T
    counts = np.bincount(owners, n_numbers, n_features).astype(np.int64)
    return Ragged(numbers, counts)


def uint_values(numbers: NDArray[np.integer[Any]]) -> bytes:
    """Encode values of properties that are non-negative integers."""
    contents = numbers.astype(np.uint64)
    sizes = varint_sizes(contents) + 1
    return varints(_columns(len(contents), _VALUE, sizes, _UINT, contents).numbers)


def double_values(numbers: NDArray[np.float64]) -> bytes:
    """Encode values of properties that are floating-point numbers."""
    return b"".join(_field(_VALUE, bytes([_DOUBLE]) + number.tobytes()) for number in numbers)


def zigzag(numbers: Integers) -> Numbers:
    """Signed numbers in zigzag order 0, -1, 1, -2, ..., so that small ones stay short."""
    mixed: Numbers = ((numbers << 1) ^ (numbers >> 63)).astype(np.uint64)
    return mixed


def varint_sizes(numbers: Numbers) -> Integers:
    """Number of bytes that each number takes."""
    sizes = np.ones(len(numbers), np.int64)
    largest = int(numbers.max(initial=0))
    for shift in range(7, 64, 7):
        if largest >> shift == 0:
            break
        sizes += numbers >= np.uint64(1 << shift)
    return sizes


def varints(numbers: Numbers) -> bytes:
    """Encode numbers as in protobuf: seven bits per byte, the lowest first."""
    sizes = varint_sizes(numbers)
    starts = np.cumsum(sizes) - sizes
    content = np.empty(int(sizes.sum()), np.uint8)
    for position in range(int(sizes.max(initial=0))):
        is_so_long = sizes > position
        some = numbers[is_so_long] >> np.uint64(7 * position)
        more = (sizes[is_so_long] > position + 1).astype(np.uint8) << 7
        content[starts[is_so_long] + position] = (some & np.uint64(0x7F)).astype(np.uint8) | more
    return content.tobytes()


def _field(tag: int, content: bytes) -> bytes:
    return bytes([tag]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    content = bytearray()
    while number > 0x7F:
        content.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*content, number])
