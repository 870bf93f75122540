"""MRC files (MRC2014), which hold one volume each."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
from numpy.typing import NDArray

from tmlib import durable_files
from tmlib.errors import BadInput
from tmlib.volumes.blocks import Block, Source, blocks, check_shape, read

_BLOCK = 256
_LABEL = b"Written by tmserver"

_TYPES = {
    "bool": "int8",
    "int8": "int8",
    "uint8": "uint16",
    "int16": "int16",
    "uint16": "uint16",
    "float16": "float16",
    "float32": "float32",
    "float64": "float32",
}
"""The type that voxels of a type get in a file: it has all values, those of float64 rounded."""


def stored_type(dtype: Any) -> np.dtype[Any]:
    """The type that voxels of a type have in a file.

    Raises
    ------
    BadInput
        If the format has none that can hold them.
    """
    name = np.dtype(dtype).name
    if name not in _TYPES:
        raise BadInput(
            f"MRC cannot hold voxels of type {name}: take one of {', '.join(sorted(_TYPES))}."
        )
    return np.dtype(_TYPES[name])


def write(path: Path, source: Source, spacing: float) -> None:
    """Write a volume; the file appears at the end, whole.

    Parameters
    ----------
    path
        Where.
    source
        Voxels of (z, y, x).
    spacing
        Edge of a voxel in angstroms.

    Raises
    ------
    BadInput
        If this is no volume, or the format cannot hold its voxels: their type, or one that is too
        large for 32 bits.
    """
    shape = check_shape(source)
    dtype = stored_type(source.dtype)
    if not (math.isfinite(spacing) and spacing > 0):
        raise BadInput(f"Voxels cannot be {spacing} angstroms wide.")
    draft = durable_files.draft_of(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        mode = mrcfile.utils.mode_from_dtype(dtype)
        with mrcfile.new_mmap(draft, shape, mrc_mode=mode) as file:
            file.voxel_size = spacing
            file.set_volume()
            # the library's has the time, and the same volume shall be the same file
            file.header.label[0] = _LABEL
            statistics = _Statistics()
            for block in blocks(shape, _BLOCK):
                voxels = _rounded(read(source, block), dtype)
                file.data[block] = voxels
                statistics.add(voxels)
            statistics.tell(file.header)
        with draft.open("rb") as written:
            durable_files.sync_file(written)
        durable_files.move(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _rounded(voxels: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    try:
        with np.errstate(over="raise"):
            return voxels.astype(dtype)
    except FloatingPointError:
        raise BadInput(f"MRC cannot hold a voxel that is too large for {dtype.name}.") from None


class Mrc:
    """An open file, which is read block by block.

    Attributes
    ----------
    shape, dtype
        Of the volume of (z, y, x).
    spacing
        Edge of a voxel in angstroms.
    """

    def __init__(self, data: Any, spacing: float) -> None:
        self._data = data
        self.shape: tuple[int, ...] = data.shape
        self.dtype = data.dtype
        self.spacing = spacing

    def __getitem__(self, block: Block, /) -> Any:
        """The voxels of a block."""
        return self._data[block]


@contextmanager
def opened(path: Path) -> Iterator[Mrc]:
    """Open a volume for reading.

    Raises
    ------
    BadInput
        If this is no file of the format, or holds no volume.
    """
    try:
        file = mrcfile.mmap(path, mode="r")
    except (ValueError, OSError) as error:
        raise BadInput(f"{path} is no MRC file that can be read: {error}") from None
    with file:
        check_shape(file.data)
        yield Mrc(file.data, float(file.voxel_size.x))


class _Statistics:
    """What the header tells of the values."""

    def __init__(self) -> None:
        self._n, self._sum, self._squares = 0, 0.0, 0.0
        self._minimum, self._maximum = math.inf, -math.inf

    def add(self, voxels: Any) -> None:
        exact = voxels.astype(np.float64)
        self._n += exact.size
        self._sum += float(exact.sum())
        self._squares += float(np.square(exact).sum())
        self._minimum = min(self._minimum, float(exact.min()))
        self._maximum = max(self._maximum, float(exact.max()))

    def tell(self, header: Any) -> None:
        mean = self._sum / self._n
        header.dmin, header.dmax, header.dmean = self._minimum, self._maximum, mean
        header.rms = math.sqrt(max(0.0, self._squares / self._n - mean**2))
