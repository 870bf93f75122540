"""Points of annotation tables as Neuroglancer's precomputed annotations.

What is served is made of the rows of a table as of a moment, which do not change any more: what the
table looks like (``info``), each point by its number, points by what they refer to, and points by
where they are, on several levels. The format is described in the documentation of Neuroglancer.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tmlib.annotation.fields import Field, Kind
from tmlib.annotation.schemas import TARGET, Schema
from tmlib.annotation.spatial_levels import Levels, divide
from tmlib.errors import NotFound

BY_ID, RELATED, SPATIAL = "by_id", "related", "spatial"
"""Folders of what is served; levels have their number at the end."""

_AT_ONCE = 5000
_METRES = 1e-9  # of a nanometre
_MOST_LABELS = 1000
_NOT_GIVEN = "(not given)"
_PADDING = "_padding"  # no property is called so: their names begin with a letter
_NONE = np.zeros(1, "<u8").tobytes()
_WHOLE = np.iinfo(np.int32)
_CODES = {"float32": "<f4", "int32": "<i4", "uint16": "<u2", "uint8": "u1"}


class Numbered(Protocol):
    """A row with a number and values of fields: points as `Schema.point_column` calls them."""

    @property
    def id(self) -> int:
        """The number, at least 1."""

    @property
    def values(self) -> Mapping[str, Any]:
        """The values by the names of columns."""


@dataclass(frozen=True)
class _Property:
    """Values of a field, one for each point, and the texts that they stand for, if they do."""

    name: str
    description: str
    type: str
    values: NDArray[Any]
    labels: tuple[str, ...] = ()

    def describe(self) -> dict[str, Any]:
        described: dict[str, Any] = {
            "id": self.name,
            "type": self.type,
            "description": self.description,
        }
        if self.labels:
            described["enum_values"] = list(range(len(self.labels)))
            described["enum_labels"] = list(self.labels)
        return described


@dataclass
class _Column:
    """Values of a field as they are read: numbers, or those of texts in the order of coming."""

    of: Field
    parts: list[NDArray[np.float64]] = field(default_factory=list)
    labels: dict[Any, int] = field(default_factory=dict)

    def add(self, values: Sequence[Any]) -> None:
        if self.of.kind in (Kind.TEXT, Kind.BOOLEAN):
            if len(self.labels) > _MOST_LABELS:
                return
            known = self.labels
            values = [known.setdefault(value, len(known)) for value in values]
        self.parts.append(np.array(values, np.float64))

    def read(self, name: str) -> _Property | None:
        """The property of a name; None if there are too many texts."""
        values = np.concatenate([np.empty(0), *self.parts])
        described = str(self.of.more.get("description", self.of.name))
        if self.of.kind in (Kind.TEXT, Kind.BOOLEAN):
            if len(self.labels) > _MOST_LABELS:
                return None
            kind = "uint8" if len(self.labels) <= np.iinfo(np.uint8).max + 1 else "uint16"
            labels = tuple(_label(value) for value in self.labels)
            return _Property(name, described, kind, values.astype(kind), labels)
        is_whole = self.of.kind is not Kind.NUMBER and bool(
            ((values >= _WHOLE.min) & (values <= _WHOLE.max)).all()
        )
        kind = "int32" if is_whole else "float32"
        with np.errstate(over="ignore"):
            return _Property(name, described, kind, values.astype(kind))


class Points:
    """All points of a field of some rows, in the order of their numbers.

    Parameters
    ----------
    schema
        Of the rows.
    name
        Of the field.
    voxel
        Sizes of the units of x, y and z in nanometres.
    rows
        In the order of their numbers; those without the point are left out.
    reference_table
        To which they refer, if they do.
    """

    def __init__(
        self,
        schema: Schema,
        name: str,
        voxel: Sequence[float],
        rows: Iterable[Numbered],
        reference_table: str | None = None,
    ) -> None:
        self._voxel, self._reference = tuple(voxel), reference_table
        place = schema.point_column(name)
        columns = [
            _Column(one) for one in schema.fields if one.name not in (TARGET, *schema.points)
        ]
        ids, positions = [np.empty(0, np.uint64)], [np.empty((0, 3), np.float32)]
        targets = [np.empty(0, np.uint64)]
        found = (row for row in rows if row.values[place] is not None)
        while some := list(islice(found, _AT_ONCE)):
            ids.append(np.array([row.id for row in some], np.uint64))
            positions.append(np.array([row.values[place] for row in some], np.float32))
            if reference_table is not None:
                referred = [row.values[TARGET] or 0 for row in some]
                targets.append(np.array(referred, np.uint64))
            for column in columns:
                column.add([row.values[column.of.name] for row in some])
        self._ids = np.concatenate(ids)
        self._targets = np.concatenate(targets)
        self._by_target = np.argsort(self._targets, kind="stable")
        self._sorted_targets = self._targets[self._by_target]
        self._properties = _properties(columns)
        self._records = self._encoded(np.concatenate(positions))
        self._levels: Levels = divide(self._records["position"], voxel)

    def __len__(self) -> int:
        return len(self._ids)

    def _encoded(self, positions: NDArray[np.float32]) -> NDArray[Any]:
        fields: list[tuple[Any, ...]] = [("position", "<f4", (3,))]
        fields += [(one.name, _CODES[one.type]) for one in self._properties]
        if odd := np.dtype(fields).itemsize % 4:
            fields.append((_PADDING, "u1", (4 - odd,)))
        records = np.zeros(len(positions), np.dtype(fields))
        records["position"] = positions
        for one in self._properties:
            records[one.name] = one.values
        return records

    def info(self) -> dict[str, Any]:
        """What the points are like, and where they are found."""
        described: dict[str, Any] = {
            "@type": "neuroglancer_annotations_v1",
            "dimensions": {
                axis: [size * _METRES, "m"] for axis, size in zip("xyz", self._voxel, strict=True)
            },
            "lower_bound": list(self._levels.lower),
            "upper_bound": list(self._levels.upper),
            # Neuroglancer takes it in small letters too, CloudVolume does not
            "annotation_type": "POINT",
            "properties": [one.describe() for one in self._properties],
            "relationships": [],
            "by_id": {"key": BY_ID},
            "spatial": [
                {
                    "key": f"{SPATIAL}{number}",
                    "grid_shape": list(level.shape),
                    "chunk_size": list(level.size),
                    "limit": level.limit,
                }
                for number, level in enumerate(self._levels.all)
            ],
        }
        if self._reference is not None:
            described["relationships"] = [{"id": self._reference, "key": RELATED}]
        return described

    def one(self, number: int) -> bytes:
        """A point by the number of its row.

        Raises
        ------
        NotFound
            If there is none.
        """
        place = int(np.searchsorted(self._ids, np.uint64(number)))
        if place == len(self._ids) or int(self._ids[place]) != number:
            raise NotFound(f"There is no point {number} here.")
        encoded: bytes = self._records[place].tobytes()
        if self._reference is None:
            return encoded
        target = self._targets[place : place + 1]
        target = target[target > 0]
        encoded += np.array(len(target), "<u4").tobytes() + target.astype("<u8").tobytes()
        return encoded

    def related(self, target: int) -> bytes:
        """The points of the rows that refer to a target."""
        if self._reference is None or target <= 0:
            return _NONE
        first, last = (
            int(np.searchsorted(self._sorted_targets, np.uint64(target), side))
            for side in ("left", "right")
        )
        return self._several(self._by_target[first:last])

    def cell(self, level: int, place: Sequence[int]) -> bytes:
        """The points in a cell of a level.

        Raises
        ------
        NotFound
            If there is no such cell.
        """
        levels = self._levels.all
        is_there = level < len(levels) and len(place) == len(levels[level].shape)
        if not is_there or any(
            one >= most for one, most in zip(place, levels[level].shape, strict=True)
        ):
            raise NotFound("There is no such cell here.")
        return self._several(levels[level].at(place))

    def _several(self, points: NDArray[np.int64]) -> bytes:
        count = np.array(len(points), "<u8").tobytes()
        return count + self._records[points].tobytes() + self._ids[points].astype("<u8").tobytes()


def _properties(columns: Sequence[_Column]) -> list[_Property]:
    """Columns under names that the format allows, those with larger values first."""
    taken: set[str] = {"position"}
    found = []
    for column in columns:
        name = re.sub("[^a-zA-Z0-9_]", "_", column.of.name)
        name = name if re.match("[a-z]", name) else f"field_{name}"
        while name in taken:
            name = f"{name}_2"
        taken.add(name)
        if (one := column.read(name)) is not None:
            found.append(one)
    return sorted(found, key=lambda one: -np.dtype(one.type).itemsize)


def _label(value: Any) -> str:
    if value is None:
        return _NOT_GIVEN
    return str(value).lower() if isinstance(value, bool) else str(value)
