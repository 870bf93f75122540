"""Volumes as OME-Zarr of version 0.4, in the older form of Zarr that programs of the field read.

Levels follow each other in size by two along each axis. Intensities are averaged, labels are not:
there one voxel of eight stays. Of intensities, the metadata says between which ones they are best
shown, which programs take for the contrast.
"""

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorstore
from numpy.typing import NDArray

from tmlib import durable_files
from tmlib.errors import BadInput
from tmlib.volumes.blocks import Block, Source, blocks, check_shape, read

N_LEVELS = 3
_CHUNK = 128
_SHOWN_PERCENT = (1.0, 99.9)
_MOST_SAMPLED = 128  # voxels along each axis, from which the contrast is estimated
_TYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "float16", "float32", "float64")


def level_shapes(shape: tuple[int, int, int]) -> list[tuple[int, int, int]]:
    """The shapes of all levels, the largest first; no axis gets shorter than one voxel."""
    shapes = [shape]
    for _ in range(N_LEVELS - 1):
        z, y, x = (math.ceil(size / 2) for size in shapes[-1])
        shapes.append((z, y, x))
    return shapes


def write(path: Path, source: Source, spacing: float, *, labels: bool = False) -> None:
    """Write a volume with all levels; the folder appears at the end, whole.

    Parameters
    ----------
    path
        Where; nothing may be there.
    source
        Voxels of (z, y, x).
    spacing
        Edge of a voxel in angstroms.
    labels
        Whether voxels are numbers of objects.

    Raises
    ------
    BadInput
        If this is no volume, or its voxels are of a type that programs do not know.
    """
    shapes = level_shapes(check_shape(source))
    dtype = np.dtype(np.uint8 if source.dtype == bool else source.dtype)
    if dtype.name not in _TYPES:
        raise BadInput(f"A volume cannot have voxels of type {dtype.name}.")
    if not (math.isfinite(spacing) and spacing > 0):
        raise BadInput(f"Voxels cannot be {spacing} angstroms wide.")
    draft = durable_files.draft_of(path)
    try:
        _write_levels(draft, path.stem, source, shapes, dtype, spacing, labels=labels)
        _sync(draft)
        durable_files.move(draft, path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write_levels(
    folder: Path,
    name: str,
    source: Source,
    shapes: Sequence[tuple[int, int, int]],
    dtype: np.dtype[Any],
    spacing: float,
    *,
    labels: bool,
) -> None:
    folder.mkdir(parents=True)
    _write_json(folder / ".zgroup", {"zarr_format": 2})
    smaller = _every_other if labels else _halve
    before = source
    for level, shape in enumerate(shapes):
        array = _create(folder / str(level), shape, dtype)
        for block in blocks(shape, _chunk_shape(shape)):
            voxels = read(before, block) if level == 0 else smaller(read(before, _doubled(block)))
            inside = tuple(
                slice(one.start, min(one.stop, size))
                for one, size in zip(block, shape, strict=True)
            )
            array[inside] = voxels.astype(dtype)
        before = Volume(array, spacing)
    attributes = _multiscales(name, spacing)
    if not labels:
        attributes["omero"] = _rendering(name, Volume(array, spacing))
    _write_json(folder / ".zattrs", attributes)


class Volume:
    """A level of a volume, which is read block by block.

    Attributes
    ----------
    shape, dtype
        Of (z, y, x).
    spacing
        Edge of a voxel in angstroms.
    """

    def __init__(self, array: Any, spacing: float) -> None:
        self._array = array
        self.shape: tuple[int, ...] = tuple(array.shape)
        self.dtype = array.dtype.numpy_dtype
        self.spacing = spacing

    def __getitem__(self, block: Block, /) -> NDArray[Any]:
        """The voxels of a block."""
        inside = tuple(
            slice(one.start, None if one.stop is None else min(one.stop, size), one.step)
            for one, size in zip(block, self.shape, strict=True)
        )
        voxels: NDArray[Any] = self._array[inside].read().result()
        return voxels


def open_levels(path: Path) -> list[Volume]:
    """All levels of a volume, the largest first.

    Raises
    ------
    BadInput
        If there is none of this form.
    """
    try:
        attributes = json.loads((path / ".zattrs").read_bytes())
        datasets = attributes["multiscales"][0]["datasets"]
        levels = [_open_level(path, dataset) for dataset in datasets]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise BadInput(f"{path} is no volume in the form of OME-Zarr 0.4: {error}") from None
    for level in levels:
        check_shape(level)
    return levels


def contrast_of(attributes: bytes) -> tuple[float, float] | None:
    """The intensities that are shown black and white, as the file ``.zattrs`` of a volume says.

    Parameters
    ----------
    attributes
        What is in the file.

    Returns
    -------
    tuple of float or None
        None if it does not say so.
    """
    try:
        [channel] = json.loads(attributes)["omero"]["channels"]
        low, high = (float(channel["window"][name]) for name in ("start", "end"))
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
        return None
    return (low, high) if math.isfinite(low) and math.isfinite(high) and low < high else None


def _open_level(path: Path, dataset: Mapping[str, Any]) -> Volume:
    [scale] = [one["scale"] for one in dataset["coordinateTransformations"] if "scale" in one]
    spec = {"driver": "zarr", "kvstore": {"driver": "file", "path": f"{path / dataset['path']}/"}}
    return Volume(tensorstore.open(spec, open=True).result(), float(scale[-1]))


def _multiscales(name: str, spacing: float) -> dict[str, Any]:
    axes = [{"name": axis, "type": "space", "unit": "angstrom"} for axis in "zyx"]
    datasets = [
        {
            "path": str(level),
            "coordinateTransformations": [{"type": "scale", "scale": [spacing * 2**level] * 3}],
        }
        for level in range(N_LEVELS)
    ]
    content = {"version": "0.4", "name": name, "axes": axes, "datasets": datasets}
    return {"multiscales": [content]}


def _rendering(name: str, smallest: Volume) -> dict[str, Any]:
    """How a volume is best shown, in the words of OMERO that programs know."""
    low, high, least, greatest = _window(smallest)
    window = {"start": low, "end": high, "min": least, "max": greatest}
    channel = {"label": name, "active": True, "color": "FFFFFF", "window": window}
    rendering = {"model": "greyscale", "defaultT": 0, "defaultZ": smallest.shape[0] // 2}
    return {"version": "0.4", "name": name, "channels": [channel], "rdefs": rendering}


def _window(smallest: Volume) -> tuple[float, float, float, float]:
    """What is shown black and white, and the range of all, from an even sample."""
    steps = (math.ceil(size / _MOST_SAMPLED) for size in smallest.shape)
    z, y, x = (slice(None, None, step) for step in steps)
    sample = smallest[z, y, x].astype(np.float64)
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        return 0.0, 1.0, 0.0, 1.0
    low, high = map(float, np.percentile(sample, _SHOWN_PERCENT))
    least, greatest = float(sample.min()), float(sample.max())
    if low == high:
        low, high = least, max(greatest, least + 1)
    return low, high, least, max(greatest, high)


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    durable_files.write(path, json.dumps(content, indent=2), sync="content")


def _create(path: Path, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> Any:
    spec = {
        "driver": "zarr",
        "kvstore": {"driver": "file", "path": f"{path}/"},
        "metadata": {
            "shape": list(shape),
            "chunks": list(_chunk_shape(shape)),
            "dtype": dtype.str if dtype.itemsize > 1 else f"|{dtype.kind}1",
            "dimension_separator": "/",
            "compressor": {"id": "blosc", "cname": "zstd", "clevel": 5, "shuffle": 1},
            "fill_value": 0,
        },
        # programs expect every chunk that there can be
        "store_data_equal_to_fill_value": True,
    }
    return tensorstore.open(spec, create=True).result()


def _chunk_shape(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """The shape of chunks: flat volumes have wide ones, or they would be in very many files."""
    depth, edge = min(_CHUNK, shape[0]), _CHUNK
    while depth * (2 * edge) ** 2 <= _CHUNK**3 and edge < max(shape[1:]):
        edge *= 2
    return depth, min(edge, shape[1]), min(edge, shape[2])


def _doubled(block: Block) -> Block:
    z, y, x = (slice(2 * one.start, 2 * one.stop) for one in block)
    return z, y, x


def _halve(voxels: NDArray[Any]) -> NDArray[Any]:
    """Means of two by two by two voxels, or of those that there are at the edge."""
    for axis, size in enumerate(voxels.shape):
        if size % 2:
            last = np.take(voxels, [-1], axis)
            voxels = np.concatenate([voxels, last], axis)
    z, y, x = (size // 2 for size in voxels.shape)
    means: NDArray[Any] = voxels.reshape(z, 2, y, 2, x, 2).mean(axis=(1, 3, 5), dtype=np.float64)
    return means if voxels.dtype.kind == "f" else np.rint(means)


def _every_other(voxels: NDArray[Any]) -> NDArray[Any]:
    return voxels[::2, ::2, ::2]


def _sync(folder: Path) -> None:
    """Wait until all that was written is on the disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                durable_files.sync_file(file)
    durable_files.sync_tree(folder)
