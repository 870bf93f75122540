"""The plate that a demo simulates when it is given no images."""

import itertools
from pathlib import Path

from tmlib.errors import BadInput
from tmlib.sample import simulate_plate

_ROWS, _COLUMNS = "ABCDEFGH", range(1, 13)


def simulate(folder: Path, n_wells: int, rows: int, columns: int, seed: int) -> None:
    """Write a plate with a compact block of wells.

    Raises
    ------
    BadInput
        If there are more wells than a plate of 96 has.
    """
    simulate_plate(folder, wells=block(n_wells), rows=rows, columns=columns, seed=seed)


def block(n_wells: int) -> list[str]:
    """Names of so many wells, as close together as they can be, off the plate's edge if possible.

    Raises
    ------
    BadInput
        If a plate of 96 has not so many.
    """
    if n_wells > len(_ROWS) * len(_COLUMNS):
        raise BadInput(f"A plate has 96 wells, {n_wells} are too many.")
    side = next(side for side in itertools.count(1) if side * min(side, len(_ROWS)) >= n_wells)
    edge = 1 if side < len(_ROWS) else 0
    n_rows = min(side, len(_ROWS))
    names = itertools.product(_ROWS[edge : edge + n_rows], _COLUMNS[edge : edge + side])
    return [f"{row}{column:02d}" for row, column in itertools.islice(names, n_wells)]
