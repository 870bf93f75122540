"""Columns that describe plates, wells and sites, in tables of the objects that lie in them."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tmlib.experiments.csv_lines import csv_line


class PlaceColumn(NamedTuple):
    """A column: its name, its Arrow type, and a function that reads it.

    The function gets the ids of n plates, wells or sites, and gives a ``pyarrow.Array`` with the
    value of each; missing ones are null.
    """

    name: str
    type: Any
    read: Callable[[NDArray[np.int32]], Any]


def csv_cells(columns: Sequence[PlaceColumn], ref_ids: NDArray[np.int32]) -> list[str]:
    """The cells of each place as CSV, with a comma before each; empty where a value is missing."""
    if not columns:
        return [""] * len(ref_ids)
    values = (column.read(ref_ids).to_pylist() for column in columns)
    return [csv_line(["", *cells]) for cells in zip(*values, strict=True)]
