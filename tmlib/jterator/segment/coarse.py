"""Images on coarser grids, for what varies slowly."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_Field = NDArray[np.float32]


def shrunk(field: NDArray[Any], step: int) -> _Field:
    """Averages of squares of `step` pixels; at the far edges the last pixels count repeatedly."""
    height, width = field.shape
    padded = np.pad(field, ((0, -height % step), (0, -width % step)), mode="edge")
    # whole rows first, which is quicker than both axes at once
    rows = padded.reshape(-1, step, padded.shape[1]).sum(axis=1, dtype=np.float32)
    return np.asarray(rows.reshape(rows.shape[0], -1, step).sum(axis=2) / step**2)


def stretched(field: _Field, step: int, shape: tuple[int, ...]) -> _Field:
    """Undo `shrunk`, linear between the centres of the squares."""
    if step == 1:
        return field
    for axis, side in enumerate(shape):
        place = (np.arange(side, dtype=np.float32) + 0.5) / step - 0.5
        place = place.clip(0, field.shape[axis] - 1)
        before = np.minimum(place.astype(int), max(field.shape[axis] - 2, 0))
        share = np.expand_dims(place - before, 1 - axis)
        after = np.minimum(before + 1, field.shape[axis] - 1)
        start = field.take(before, axis)
        field = start + share * (field.take(after, axis) - start)
    return field
