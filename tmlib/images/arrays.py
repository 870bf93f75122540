"""Zarr v3 arrays and groups on disk: created once, written one shard at a time.

A shard is one file that appears complete or not at all, so several processes may write different
shards of an array at once, and a writer that was killed is simply run again.

A process that has used an array must not fork, because the child lacks the threads that read. A
child that was forked before is fine.
"""

import contextlib
import errno
import json
import os
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorstore as ts
from numpy.typing import NDArray

from tmlib import durable_files
from tmlib.errors import Conflict, NotFound, Unavailable

TILE_SIZE = 256
"""Height and width of the inner chunks, the smallest piece that is read."""

_MAX_OPEN = 512


def create_array(
    path: Path,
    shape: Sequence[int],
    shard_shape: Sequence[int],
    dtype: str,
    dimension_names: Sequence[str],
    *,
    keep_zeros: bool,
) -> None:
    """Create an array, or do nothing if the same array exists.

    Parameters
    ----------
    path
        Folder of the array.
    shape
        Size in each dimension, (..., y, x).
    shard_shape
        Size of a shard; multiples of 256 in y and x.
    dtype
        "uint8" or "uint16".
    dimension_names
        One name for each dimension.
    keep_zeros
        Whether to store shards of zeros; otherwise they look as if they were never written.

    Raises
    ------
    Conflict
        If there is an array with another shape or type.
    """
    chunk_shape = [1] * (len(shape) - 2) + [TILE_SIZE, TILE_SIZE]
    inner = [
        {"name": "bytes", "configuration": {"endian": "little"}},
        {
            "name": "blosc",
            "configuration": {
                "cname": "zstd",
                "clevel": 1,
                "shuffle": "bitshuffle",
                "typesize": np.dtype(dtype).itemsize,
                "blocksize": 0,
            },
        },
    ]
    index = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]
    sharding = {"chunk_shape": chunk_shape, "codecs": inner, "index_codecs": index}
    metadata = {
        "shape": list(shape),
        "data_type": dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(shard_shape)}},
        "codecs": [{"name": "sharding_indexed", "configuration": sharding}],
        "fill_value": 0,
        "dimension_names": list(dimension_names),
    }
    spec = _spec(path) | {"metadata": metadata, "store_data_equal_to_fill_value": keep_zeros}
    try:
        ts.open(spec, create=True, open=True).result()
    except ValueError as error:
        if "FAILED_PRECONDITION" in str(error):
            raise Conflict(
                f"{_label(path)} holds images of another size or type than those that are "
                "written now: delete the old ones first."
            ) from error
        raise explained(error, path) from error


def open_array(path: Path, *, keep_zeros: bool = True) -> Any:
    """Open an array; quick if it was opened before and has not been replaced since.

    Reading a part that was never written raises ValueError.

    Raises
    ------
    NotFound
        If there is no array.
    """
    return _opened.get(path, keep_zeros)


def read_stored(array: Any) -> NDArray[Any] | None:
    """Read a view of an array; None if any part of it was never written."""
    try:
        pixels: NDArray[Any] = array.read().result()
    except ValueError as error:
        if "NOT_FOUND" in str(error):
            return None
        raise
    return pixels


def write_stored(view: Any, pixels: NDArray[Any], path: Path) -> None:
    """Write a view of the array in this folder.

    Raises
    ------
    Unavailable
        If the disk is full.
    """
    try:
        view.write(pixels).result()
    except ValueError as error:
        raise explained(error, path) from error


def explained(error: Exception, path: Path) -> Exception:
    """Translate an error of the array library or the file system into one for the user.

    Returns the error itself if it is not known.
    """
    if "RESOURCE_EXHAUSTED" in str(error) or getattr(error, "errno", None) == errno.ENOSPC:
        return Unavailable(
            f"The disk is full: {_label(path)} could not be written. "
            "Make room and run the job again."
        )
    if "NOT_FOUND" in str(error):
        return _no_images(path)
    return error


def _no_images(path: Path) -> NotFound:
    return NotFound(f"There are no images in {_label(path)} (yet).")


class _OpenArrays:
    """Cache of recently used arrays, by path and the file system's stamp of it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._arrays: OrderedDict[tuple[Any, ...], Any] = OrderedDict()

    def get(self, path: Path, keep_zeros: bool) -> Any:
        try:
            status = (path / "zarr.json").stat()
        except (FileNotFoundError, NotADirectoryError):
            raise _no_images(path) from None
        key = (str(path), keep_zeros, status.st_ino, status.st_mtime_ns)
        with self._lock:
            if key in self._arrays:
                self._arrays.move_to_end(key)
                return self._arrays[key]
            spec = _spec(path) | {
                "fill_missing_data_reads": False,
                "store_data_equal_to_fill_value": keep_zeros,
            }
        try:
            array = ts.open(spec, open=True).result()
        except ValueError as error:
            raise explained(error, path) from error
        with self._lock:
            self._arrays[key] = array
            if len(self._arrays) > _MAX_OPEN:
                self._arrays.popitem(last=False)
        return array


_opened = _OpenArrays()


def _forget() -> None:
    """Start with a new lock in a forked child, whose copy may be locked for ever."""
    global _opened
    _opened = _OpenArrays()


os.register_at_fork(after_in_child=_forget)


def _label(path: Path) -> str:
    """The part of the path that tells users which images are meant."""
    return "/".join(path.parts[-5:])


def _spec(path: Path) -> dict[str, Any]:
    return {"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{path}/"}}


def write_group(path: Path, ome: Mapping[str, Any] | None = None) -> None:
    """Write the metadata of a Zarr group, with the given OME-NGFF metadata if there is any.

    The file is replaced atomically, and left alone if its content is the same.
    """
    attributes = {"ome": {"version": "0.5", **ome}} if ome is not None else {}
    group = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    text = json.dumps(group, indent=2)
    target = path / "zarr.json"
    with contextlib.suppress(FileNotFoundError):
        if target.read_text(encoding="utf-8") == text:
            return
    try:
        durable_files.write(target, text)
    except OSError as error:
        raise explained(error, path) from error


def read_group(path: Path) -> dict[str, Any]:
    """The OME-NGFF metadata of a Zarr group, as :func:`write_group` takes it."""
    group = json.loads((path / "zarr.json").read_text(encoding="utf-8"))
    ome: dict[str, Any] = group["attributes"]["ome"]
    return ome


def round_up(size: int, multiple: int = TILE_SIZE) -> int:
    """`size`, rounded up to a multiple."""
    return -(-size // multiple) * multiple


def multiscale(
    name: str,
    axes: Sequence[str],
    scales: Sequence[Sequence[float]],
    *,
    in_micrometres: bool,
) -> dict[str, Any]:
    """OME-NGFF metadata of an image whose datasets are called "0", "1", ... from full resolution.

    Parameters
    ----------
    name
        Name of the image.
    axes
        Some of t, c, z, y, x in this order.
    scales
        For each dataset the size of a pixel along each axis.
    in_micrometres
        Whether the sizes along z, y and x are micrometres; they have no unit otherwise.
    """
    kinds = {"t": "time", "c": "channel"}
    described: list[dict[str, str]] = [{"name": a, "type": kinds.get(a, "space")} for a in axes]
    for axis in described:
        if in_micrometres and axis["type"] == "space":
            axis["unit"] = "micrometer"
    datasets = [
        {"path": str(i), "coordinateTransformations": [{"type": "scale", "scale": list(scale)}]}
        for i, scale in enumerate(scales)
    ]
    return {"name": name, "axes": described, "datasets": datasets}


def display(channel_names: Sequence[str], dtype: str) -> dict[str, Any]:
    """OME-NGFF hints for viewers: one gray channel as such, several in distinct colours."""
    colours = ["FFFFFF"] if len(channel_names) == 1 else _COLOURS
    white = int(np.iinfo(dtype).max)
    return {
        "channels": [
            {
                "label": name,
                "active": True,
                "color": colours[i % len(colours)],
                "window": {"min": 0, "start": 0, "end": white, "max": white},
            }
            for i, name in enumerate(channel_names)
        ],
        "rdefs": {"model": "greyscale" if len(channel_names) == 1 else "color"},
    }


_COLOURS = ["0000FF", "00FF00", "FF0000", "00FFFF", "FF00FF", "FFFF00", "FFFFFF"]
