"""Volumes block by block."""

from collections.abc import Iterator
from itertools import product
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tmlib.errors import BadInput

Block = tuple[slice, slice, slice]
"""A part of a volume, along (z, y, x)."""


class Source(Protocol):
    """What a volume is read from: an array of NumPy or Zarr, or an open file.

    What a block has beyond the end of an axis is left out, as NumPy does.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Planes, rows and columns."""

    @property
    def dtype(self) -> Any:
        """The type of voxels, as NumPy has it."""

    def __getitem__(self, block: Block, /) -> Any:
        """The voxels of a block, as an array or what becomes one."""


def check_shape(source: Source) -> tuple[int, int, int]:
    """The shape of a volume.

    Raises
    ------
    BadInput
        If it has no three axes, or no voxels.
    """
    shape = tuple(int(size) for size in source.shape)
    if len(shape) != 3 or 0 in shape:
        raise BadInput(f"An array of shape {shape} is no volume: that has planes, rows, columns.")
    return shape[0], shape[1], shape[2]


def blocks(shape: tuple[int, ...], size: int | tuple[int, ...]) -> Iterator[Block]:
    """The blocks of a volume, none longer than a size along any axis, or than one for each."""
    sizes = (size,) * len(shape) if isinstance(size, int) else size
    depth, height, width = sizes
    starts = (range(0, length, step) for length, step in zip(shape, sizes, strict=True))
    for z, y, x in product(*starts):
        yield slice(z, z + depth), slice(y, y + height), slice(x, x + width)


def read(source: Source, block: Block) -> NDArray[Any]:
    """The voxels of a block."""
    return np.asarray(source[block])
