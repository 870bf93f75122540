"""Feature values for tools: one matrix, and how many values are missing."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tmlib.errors import BadInput, Conflict
from tmlib.objects.values.feature_values import FeatureValues

logger = logging.getLogger("tmlib.job")

_ROWS_AT_ONCE = 1024
"""Rows of the matrix that are filled together, few enough to stay in the processor's cache."""


@dataclass(frozen=True)
class Values:
    """Feature values of n objects at their time points.

    Attributes
    ----------
    mapobject_ids, tpoints
        Which objects, shape (n,); no pair occurs twice.
    site_ids
        Their sites, shape (n,).
    features
        Names of the p features.
    matrix
        Shape (n, p), float64 unless another type was requested; nan where a value is missing.
    n_left_out
        Number of objects that were left out because they lack a value; all others are complete
        then. None if incomplete objects were not left out.
    """

    mapobject_ids: NDArray[np.int64]
    tpoints: NDArray[np.int32]
    site_ids: NDArray[np.int32]
    features: tuple[str, ...]
    matrix: NDArray[Any]
    n_left_out: int | None = None

    @cached_property
    def is_complete(self) -> NDArray[np.bool_]:
        """Which objects have a finite value of every feature, shape (n,)."""
        if self.n_left_out is not None:
            return np.ones(len(self.matrix), bool)
        return np.asarray(np.isfinite(self.matrix).all(axis=1))

    def complete(self) -> "Values":
        """The objects that have a finite value of every feature.

        Raises
        ------
        BadInput
            If there are none.
        """
        if self.is_complete.all() and len(self.matrix):
            return self
        if not self.is_complete.any():
            raise BadInput(self._what_is_missing())
        counts = self.counts()
        _tell_left_out(counts["n_missing"], counts["n_objects"])
        return replace(self.where(self.is_complete), n_left_out=counts["n_missing"])

    def where(self, chosen: NDArray[np.bool_]) -> "Values":
        """Some of the objects; `chosen` has shape (n,)."""
        return Values(
            self.mapobject_ids[chosen],
            self.tpoints[chosen],
            self.site_ids[chosen],
            self.features,
            self.matrix[chosen],
            self.n_left_out,
        )

    def counts(self) -> dict[str, int]:
        """Number of objects, and of those that lack a value."""
        n_left_out = self.n_left_out or 0
        n_missing = n_left_out + int(np.count_nonzero(~self.is_complete))
        return {"n_objects": n_left_out + len(self.matrix), "n_missing": n_missing}

    def _what_is_missing(self) -> str:
        for name, column in zip(self.features, self.matrix.T, strict=True):
            if not np.isfinite(column).any():
                return f'No object has a value of the feature "{name}": choose another one.'
        return "Every object lacks a value of one of the selected features: choose fewer of them."


def read(
    stored: FeatureValues, *, only_complete: bool = False, dtype: DTypeLike = np.float64
) -> Values:
    """Read feature values, only the columns that were selected.

    For an object that was measured in several planes at a time point, the first plane is used.

    Parameters
    ----------
    stored
        The stored feature values.
    only_complete
        Leave out objects that lack a value, unless all do. That costs nothing during reading, but
        :meth:`Values.complete` needs a second matrix. Objects that were measured in several planes
        are all read.
    dtype
        Type of the matrix.

    Raises
    ------
    Conflict
        If the objects are replaced while they are read.
    """
    planes = {(file.tpoint, file.zplane) for file in stored.files}
    has_several = len(planes) > len({tpoint for tpoint, _ in planes})
    leaves_out = only_complete and not has_several
    n_rows = sum(file.n_rows for file in stored.files)
    mapobject_ids = np.empty(n_rows, dtype=np.int64)
    tpoints, site_ids = np.empty((2, n_rows), dtype=np.int32)
    numbers: tuple[NDArray[Any], ...] = (mapobject_ids, tpoints, site_ids)
    matrix = np.empty((n_rows, len(stored.names)), dtype)
    end = n_read = 0
    for table in stored.tables():
        n_read += table.num_rows
        if n_read > n_rows:
            raise Conflict("The objects were replaced while their values were read: try again.")
        identifiers, features = _columns(table, only_complete=leaves_out)
        start, end = end, end + len(identifiers[0])
        for array, column in zip(numbers, identifiers, strict=True):
            array[start:end] = column
        _fill(matrix[start:end], features)
    if not end and n_read:
        return read(stored, dtype=dtype)
    if leaves_out and end < n_read:
        _tell_left_out(n_read - end, n_read)
    # a file that another one has replaced in part has fewer rows than it claims
    values = Values(
        mapobject_ids[:end],
        tpoints[:end],
        site_ids[:end],
        stored.names,
        matrix[:end],
        n_read - end if leaves_out else None,
    )
    return _first_planes(values) if has_several else values


def _columns(table: Any, *, only_complete: bool) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    """Objects, time points and sites of a part of the rows, and the columns of the features."""
    numbers = [table[name].to_numpy() for name in ("mapobject_id", "tpoint", "site_id")]
    features = [column.to_numpy() for column in table.columns[5:]]
    if only_complete:
        is_complete = np.logical_and.reduce([np.isfinite(column) for column in features])
        if not is_complete.all():
            numbers = [column[is_complete] for column in numbers]
            features = [column[is_complete] for column in features]
    return numbers, features


def _fill(matrix: NDArray[Any], columns: Sequence[NDArray[np.float64]]) -> None:
    for start in range(0, len(matrix), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        for index, column in enumerate(columns):
            matrix[rows, index] = column[rows]


def _tell_left_out(n_missing: int, n_objects: int) -> None:
    logger.warning("%d of %d objects lack a value and are left out.", n_missing, n_objects)


def _first_planes(values: Values) -> Values:
    pairs = np.column_stack((values.tpoints, values.mapobject_ids))
    _, first = np.unique(pairs, axis=0, return_index=True)
    if len(first) == len(pairs):
        return values
    logger.warning("Objects were measured in several planes: the first one of each counts.")
    chosen = np.zeros(len(pairs), dtype=bool)
    chosen[first] = True
    return values.where(chosen)
