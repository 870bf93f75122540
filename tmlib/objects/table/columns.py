"""Columns of object tables and their values."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Kind = Literal["metadata", "feature", "result", "remark"]
ValueType = Literal["float", "integer", "boolean", "text"]


class GivenLabels(NamedTuple):
    """Labels of objects from a tool or from people; see :class:`tmlib.tools.labels.Labels`.

    Without time points they hold at all of them.
    """

    mapobject_ids: NDArray[np.int64]
    tpoints: NDArray[np.int32] | None
    values: NDArray[Any]
    texts: tuple[str, ...] | None


class LabelSource(NamedTuple):
    """Labels of a kind: their name, a permanent identifier, and a function that reads them."""

    name: str
    key: str
    is_text: bool
    read: Callable[[], GivenLabels]
    kind: Kind = "result"


@dataclass(frozen=True)
class Column:
    """A column; ``key`` identifies its content within a version of the table."""

    name: str
    kind: Kind
    type: ValueType
    key: str


@dataclass(frozen=True)
class ColumnValues:
    """Values of a column.

    Attributes
    ----------
    numbers
        Shape (n,). Values that are not finite, or negative in integer columns, are missing.
    texts
        The texts that the numbers stand for, sorted; None if the column is numeric.
    """

    numbers: NDArray[Any]
    texts: tuple[str, ...] | None = None

    @property
    def is_missing(self) -> NDArray[np.bool_]:
        """Which values are missing, shape (n,)."""
        is_float = self.numbers.dtype.kind == "f"
        missing = ~np.isfinite(self.numbers) if is_float else self.numbers < 0
        return np.asarray(missing, np.bool_)

    def of(self, rows: NDArray[np.intp]) -> "ColumnValues":
        """The values of some rows."""
        return ColumnValues(self.numbers[rows], self.texts)

    def plain(self) -> list[Any]:
        """Numbers, booleans or texts; None for missing values."""
        if self.texts is not None:
            return [None if code < 0 else self.texts[code] for code in self.numbers.tolist()]
        if self.numbers.dtype == np.uint8:
            return list(self.numbers.astype(bool).tolist())
        pairs = zip(self.numbers.tolist(), self.is_missing.tolist(), strict=True)
        return [None if is_missing else number for number, is_missing in pairs]


def join_labels(
    labels: GivenLabels, mapobject_ids: NDArray[np.int64], tpoints: NDArray[np.int32]
) -> ColumnValues:
    """Labels of the objects in some rows; those without one are missing.

    Parameters
    ----------
    labels
        What is known.
    mapobject_ids, tpoints
        Which objects, both of shape (n,).
    """
    texts, values = labels.texts, labels.values
    found: NDArray[Any] = np.full(len(mapobject_ids), np.nan)
    if texts is not None:
        found = np.full(len(mapobject_ids), -1, np.int32)
        order = np.array(sorted(range(len(texts)), key=[*map(_rank, texts)].__getitem__), np.intp)
        values = np.argsort(order)[values] if len(order) else values
        texts = tuple(texts[code] for code in order)
    for given, rows in _of_same_time(labels, tpoints):
        known = given[np.argsort(labels.mapobject_ids[given], kind="stable")]
        ids = labels.mapobject_ids[known]
        places = np.minimum(np.searchsorted(ids, mapobject_ids[rows]), len(ids) - 1)
        is_known = ids[places] == mapobject_ids[rows]
        found[rows[is_known]] = values[known[places[is_known]]]
    return ColumnValues(found, texts)


def _of_same_time(
    labels: GivenLabels, tpoints: NDArray[np.int32]
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Positions of labels, some at least, and of the rows that they may be about."""
    if labels.tpoints is None:
        if len(labels.mapobject_ids):
            yield np.arange(len(labels.mapobject_ids)), np.arange(len(tpoints))
        return
    for tpoint in np.unique(labels.tpoints):
        yield np.flatnonzero(labels.tpoints == tpoint), np.flatnonzero(tpoints == tpoint)


def _rank(text: str) -> tuple[float, str]:
    """Sort key: classes with numeric names come first, in numeric order."""
    try:
        return float(text), text
    except ValueError:
        return float("inf"), text
