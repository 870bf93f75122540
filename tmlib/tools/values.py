"""Feature values as tools take them: one matrix, and what is missing in it."""

import logging
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tmlib.errors import BadInput, Conflict
from tmlib.objects.feature_values import FeatureValues

logger = logging.getLogger("tmlib.job")


@dataclass(frozen=True)
class Values:
    """Feature values of n objects at their time points.

    Attributes
    ----------
    mapobject_ids, tpoints
        Which objects, shape (n,); no pair occurs twice.
    site_ids
        Where they are, shape (n,).
    features
        Names of the p features.
    matrix
        Shape (n, p), float64; nan where a value is missing.
    """

    mapobject_ids: NDArray[np.int64]
    tpoints: NDArray[np.int32]
    site_ids: NDArray[np.int32]
    features: tuple[str, ...]
    matrix: NDArray[np.float64]

    @cached_property
    def is_complete(self) -> NDArray[np.bool_]:
        """Which objects have a finite value of every feature, shape (n,)."""
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
        logger.warning(
            "%d of %d objects lack a value and are left out.",
            np.count_nonzero(~self.is_complete),
            len(self.matrix),
        )
        return self.where(self.is_complete)

    def where(self, chosen: NDArray[np.bool_]) -> "Values":
        """Some of the objects; `chosen` has shape (n,)."""
        return Values(
            self.mapobject_ids[chosen],
            self.tpoints[chosen],
            self.site_ids[chosen],
            self.features,
            self.matrix[chosen],
        )

    def counts(self) -> dict[str, int]:
        """How many objects there are, and how many of them lack a value."""
        n_missing = int(np.count_nonzero(~self.is_complete))
        return {"n_objects": len(self.matrix), "n_missing": n_missing}

    def _what_is_missing(self) -> str:
        for name, column in zip(self.features, self.matrix.T, strict=True):
            if not np.isfinite(column).any():
                return f'No object has a value of the feature "{name}": choose another one.'
        return "Every object lacks a value of one of the selected features: choose fewer of them."


def read(stored: FeatureValues) -> Values:
    """Read feature values, only the columns that were selected.

    Of an object that was measured in several planes at a time point, the first plane counts.

    Raises
    ------
    Conflict
        If the objects are replaced by others while they are read.
    """
    n_rows = sum(file.n_rows for file in stored.files)
    matrix = np.empty((n_rows, len(stored.names)))
    mapobject_ids = np.empty(n_rows, dtype=np.int64)
    tpoints, site_ids = np.empty((2, n_rows), dtype=np.int32)
    end = 0
    for table in stored.tables():
        start, end = end, end + table.num_rows
        if end > n_rows:
            raise Conflict("The objects were replaced while their values were read: try again.")
        mapobject_ids[start:end] = table["mapobject_id"].to_numpy()
        tpoints[start:end] = table["tpoint"].to_numpy()
        site_ids[start:end] = table["site_id"].to_numpy()
        _fill(matrix[start:end], table)
    # a file that a site's own one has replaced in part has fewer rows than it says
    values = Values(mapobject_ids[:end], tpoints[:end], site_ids[:end], stored.names, matrix[:end])
    planes = {(file.tpoint, file.zplane) for file in stored.files}
    if len(planes) > len({tpoint for tpoint, _ in planes}):
        return _first_planes(values)
    return values


def _fill(matrix: NDArray[np.float64], table: Any) -> None:
    for index in range(matrix.shape[1]):
        matrix[:, index] = table.column(4 + index).to_numpy()


def _first_planes(values: Values) -> Values:
    pairs = np.column_stack((values.tpoints, values.mapobject_ids))
    _, first = np.unique(pairs, axis=0, return_index=True)
    if len(first) == len(pairs):
        return values
    logger.warning("Objects were measured in several planes: the first one of each counts.")
    chosen = np.zeros(len(pairs), dtype=bool)
    chosen[first] = True
    return values.where(chosen)
