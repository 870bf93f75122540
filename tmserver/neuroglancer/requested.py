"""Reads the names of files that viewers ask for."""

import re

from tmlib.annotation.precomputed import SPATIAL, Points
from tmlib.errors import NotFound

_LONGEST_NUMBER = 18


def points_in_cell(points: Points, level: str, cell: str) -> bytes:
    """The points in a cell of a level: ``1_2_0`` of ``spatial3``.

    Raises
    ------
    NotFound
        If there is no such cell.
    """
    name = re.fullmatch(f"{SPATIAL}([0-9]{{1,2}})", level)
    if name is None:
        raise NotFound(f'There is no "{level[:80]}" here.')
    return points.cell(int(name[1]), [read_number(one) for one in cell.split("_")])


def read_number(text: str) -> int:
    """The number that a file is called by.

    Raises
    ------
    NotFound
        If it is none.
    """
    if not re.fullmatch(f"[0-9]{{1,{_LONGEST_NUMBER}}}", text):
        raise NotFound(f'"{text[:80]}" is no number of anything here.')
    return int(text)
