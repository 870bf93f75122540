"""Positions of wells on a plate and of sites in the grid of a well.

This is pure arithmetic; nothing is read or stored. Rows and columns count from 0 at the top left.
"""

import math
import re
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from tmlib.errors import BadInput
from tmlib.experiments.plate_formats import PLATE_FORMATS

StitchLayout = Literal["horizontal", "zigzag_horizontal", "vertical", "zigzag_vertical"]
"""Orders in which the sites of a well are imaged, always starting at the top left."""

_WELL_NAME = re.compile(r"([A-Z]|A[A-F])([0-9]{1,2})")
_LONGEST_RATIO = 3


class LayoutError(BadInput):
    """Sites or wells cannot be laid out as requested."""


def well_name(row: int, column: int) -> str:
    """Name of the well at a position counted from zero: (1, 2) is "B03", (31, 47) is "AF48"."""
    letters = chr(ord("A") + row) if row < 26 else "A" + chr(ord("A") + row - 26)
    return f"{letters}{column + 1:02d}"


def well_position(name: str, plate_format: int = 1536) -> tuple[int, int]:
    """Row and column of a well, counted from zero.

    Parameters
    ----------
    name
        Letters and number, "B03" or "B3".
    plate_format
        Number of wells of the plate.

    Raises
    ------
    LayoutError
        If there is no such well on such a plate, or no such plate format.
    """
    if plate_format not in PLATE_FORMATS:
        known = ", ".join(map(str, PLATE_FORMATS))
        raise LayoutError(f"There are no plates of {plate_format} wells: use one of {known}.")
    match = _WELL_NAME.fullmatch(name)
    if match is not None:
        letters, number = match.groups()
        row = ord(letters[-1]) - ord("A") + 26 * (len(letters) - 1)
        column = int(number) - 1
        rows, columns = PLATE_FORMATS[plate_format]
        if row < rows and 0 <= column < columns:
            return row, column
    last = well_name(*(n - 1 for n in PLATE_FORMATS[plate_format]))
    raise LayoutError(
        f'"{name}" is not a well of a plate with {plate_format} wells: '
        f'wells are named A01 to {last}. Check the file names or choose another "plate_format".'
    )


def guess_stitch_dimensions(
    n: int, axis: Literal["vertical", "horizontal"] = "vertical"
) -> tuple[int, int]:
    """Rows and columns of a compact rectangle with room for `n` sites.

    The rectangle is at most three times as long as wide. Among these, the one with the fewest empty
    cells is chosen, and then the longest. `axis` is the direction in which it is longer.
    """
    candidates = (
        (rows * columns, columns, rows)
        for columns in range(1, math.isqrt(n) + 2)
        for rows in [max(columns, math.ceil(n / columns))]
        if rows <= _LONGEST_RATIO * columns
    )
    _, columns, rows = min(candidates)
    return (rows, columns) if axis == "vertical" else (columns, rows)


def site_grid(
    n: int, layout: StitchLayout, n_horizontal: int | None, n_vertical: int | None
) -> list[tuple[int, int]]:
    """Rows and columns of the sites of a well in the order in which they were imaged.

    Parameters
    ----------
    n
        Number of sites in the well.
    layout
        Order of imaging: rows or columns, each from the same side or back and forth.
    n_horizontal
        Number of columns; derived from the number of rows if None.
    n_vertical
        Number of rows; derived from the number of columns if None. If both are None the grid is
        :func:`guess_stitch_dimensions`, whose last cells may be empty.

    Returns
    -------
    (row, column) of each site, from zero.

    Raises
    ------
    LayoutError
        If the layout is unknown or the grid does not fit the number of sites.
    """
    if layout not in get_args(StitchLayout):
        known = ", ".join(get_args(StitchLayout))
        raise LayoutError(f'There is no "stitch_layout" {layout}: use one of {known}.')
    rows, columns = _grid_dimensions(n, layout, n_horizontal, n_vertical)
    if layout.endswith("horizontal"):
        cells = [(k // columns, k % columns) for k in range(n)]
        if layout.startswith("zigzag"):
            cells = [(y, columns - 1 - x if y % 2 else x) for y, x in cells]
    else:
        cells = [(k % rows, k // rows) for k in range(n)]
        if layout.startswith("zigzag"):
            cells = [(rows - 1 - y if x % 2 else y, x) for y, x in cells]
    return cells


def _grid_dimensions(
    n: int, layout: StitchLayout, n_horizontal: int | None, n_vertical: int | None
) -> tuple[int, int]:
    """Rows and columns of the grid."""
    if n_horizontal is None and n_vertical is None:
        return guess_stitch_dimensions(n, "vertical" if "vertical" in layout else "horizontal")
    for given in (n_horizontal, n_vertical):
        if given is not None and given < 1:
            raise LayoutError(f"A grid cannot have {given} rows or columns: use at least one.")
    rows = n_vertical if n_vertical is not None else -(-n // (n_horizontal or 1))
    columns = n_horizontal if n_horizontal is not None else -(-n // rows)
    if rows * columns != n:
        raise LayoutError(
            f"A grid of {rows} rows (n_vertical) and {columns} columns (n_horizontal) has "
            f"{rows * columns} places, but there are {n} sites per well: "
            f"choose two numbers whose product is {n}."
        )
    return rows, columns


def grid_from_stage_positions(positions: Sequence[tuple[float, float]]) -> list[tuple[int, int]]:
    """Rows and columns of the sites of a well, from the positions of the stage.

    Coordinates that differ by less than half the distance between neighbouring sites belong to the
    same row or column, so the stage need not return exactly. Rows and columns without any site are
    left out.

    Parameters
    ----------
    positions
        (y, x) of each site in any unit, y growing downwards and x to the right.

    Returns
    -------
    (row, column) of each site, from zero at the top left, all different.

    Raises
    ------
    LayoutError
        If two sites have exactly the same position, or one is not a number.
    """
    points = np.asarray(positions, dtype=float).reshape(-1, 2)
    if not np.isfinite(points).all():
        raise LayoutError('A stage position is not a number: give a "stitch_layout" instead.')
    if len(points) == 0:
        return []
    if len(points) == 1:
        return [(0, 0)]
    neighbour = cKDTree(points).query(points, k=2)[0][:, 1]
    if neighbour.min() == 0:
        y, x = points[np.argmin(neighbour)]
        raise LayoutError(
            f'Two sites have the same stage position ({y:g}, {x:g}): give a "stitch_layout" '
            "instead."
        )
    for share in (0.5, 0.25, 0.1, 0.0):
        tolerance = share * float(np.median(neighbour))
        cells = [(_group(c, tolerance)) for c in points.T]
        grid = list(zip(cells[0].tolist(), cells[1].tolist(), strict=True))
        if len(set(grid)) == len(grid):
            break
    return grid


def _group(coordinates: NDArray[np.float64], tolerance: float) -> NDArray[np.intp]:
    """Number the groups of coordinates that are separated by more than `tolerance`."""
    order = np.argsort(coordinates)
    numbers = np.empty(len(coordinates), np.intp)
    numbers[order] = np.cumsum(np.diff(coordinates[order], prepend=coordinates.min()) > tolerance)
    return numbers
