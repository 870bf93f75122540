"""Label images of a field: which pixel belongs to which object, as OME-NGFF labels.

They are stored in the field's image, ``<field>/labels/<name>``, as arrays (t, z, y, x), so that
viewers overlay them. Each plane is one file, written as a whole and without loss.
"""

import contextlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tmlib import durable_files
from tmlib.errors import BadInput, Conflict, NotFound
from tmlib.experiments.trash import Trash
from tmlib.images.arrays import (
    create_array,
    multiscale,
    open_array,
    read_stored,
    round_up,
    write_group,
    write_stored,
)
from tmlib.storage import Stamp, check_file_name, file_stamp

LabelImage = NDArray[np.int32]

_AXES = ("t", "z", "y", "x")


def write_labels(
    field_path: Path,
    name: str,
    labels: LabelImage,
    *,
    t: int,
    z: int,
    n_tpoints: int,
    n_zplanes: int,
    pixel_size: float | None = None,
) -> None:
    """Write one plane of labels, replacing any other; writing it again is harmless.

    Parameters
    ----------
    field_path
        Folder of the field, whose image exists.
    name
        Name of the objects.
    labels
        (y, x), int32, background 0; of the size of the field's images.
    t, z
        Which plane.
    n_tpoints, n_zplanes
        How many planes the field has.
    pixel_size
        Width and height of a pixel in micrometres, if known.

    Raises
    ------
    BadInput
        If the name cannot be a folder's, or the labels are not a label image.
    Unavailable
        If the disk is full.
    """
    path = _path(field_path, name)
    if labels.ndim != 2 or labels.dtype != np.int32:
        raise BadInput(
            f"Labels of {name} must be a two-dimensional image of type int32, "
            f"not of {labels.ndim} dimensions and type {labels.dtype}."
        )
    if not (0 <= t < n_tpoints and 0 <= z < n_zplanes):
        raise BadInput(
            f"There is no plane t={t}, z={z} in a field of {n_tpoints} time points and "
            f"{n_zplanes} focal planes."
        )
    height, width = labels.shape
    shape = (n_tpoints, n_zplanes, height, width)
    shard = (1, 1, round_up(height), round_up(width))
    try:
        create_array(path / "0", shape, shard, "int32", _AXES, keep_zeros=True)
    except Conflict:  # left from images that have been replaced since
        shutil.rmtree(path)
        create_array(path / "0", shape, shard, "int32", _AXES, keep_zeros=True)
    _describe(path, name, _AXES, pixel_size, {"source": {"image": "../../"}})
    write_stored(open_array(path / "0")[t, z], labels, path)
    _list_labels(field_path)


def write_label_image(
    path: Path, name: str, labels: LabelImage, pixel_size: float | None = None
) -> None:
    """Write a standalone label image (y, x) into a folder that does not exist yet."""
    axes = _AXES[-2:]
    shard = [round_up(size) for size in labels.shape]
    create_array(path / "0", labels.shape, shard, "int32", axes, keep_zeros=True)
    _describe(path, name, axes, pixel_size, {})
    write_stored(open_array(path / "0"), labels, path)


def read_labels(field_path: Path, name: str, *, t: int, z: int) -> LabelImage:
    """Read one plane of labels (y, x), int32.

    Raises
    ------
    NotFound
        If it was never written.
    """
    labels: LabelImage | None = None
    with contextlib.suppress(NotFound):
        array = open_array(_path(field_path, name) / "0")
        if 0 <= t < array.shape[0] and 0 <= z < array.shape[1]:
            labels = read_stored(array[t, z])
    if labels is None:
        field = "/".join(field_path.parts[-4:])
        raise NotFound(f"There are no {name} at t={t}, z={z} in {field}.")
    return labels


def labels_stamp(field_path: Path, name: str, *, t: int, z: int) -> Stamp | None:
    """A stamp of a plane of labels, which changes whenever it is written again.

    None if it was never written. No pixel is read.
    """
    return file_stamp(f"{_path(field_path, name)}/0/c/{t}/{z}/0/0")


def rename_labels(field_path: Path, name: str, new_name: str) -> None:
    """Rename labels, if there are any; doing it again is harmless.

    Raises
    ------
    BadInput
        If the new name cannot be a folder's.
    """
    path, new_path = _path(field_path, name), _path(field_path, new_name)
    if path.exists() and path != new_path:
        shutil.rmtree(new_path, ignore_errors=True)
        durable_files.move(path, new_path)
        _list_labels(field_path)


def delete_labels(field_path: Path, name: str) -> None:
    """Remove all planes of the labels of this name, if there are any."""
    path = _path(field_path, name)
    if path.exists():
        shutil.rmtree(path, ignore_errors=True)
        _list_labels(field_path)


def set_labels_aside(field_path: Path, name: str, place: Path) -> None:
    """Move the labels of this name, if there are any, into a trash that is emptied later.

    Parameters
    ----------
    field_path
        Folder of the field.
    name
        Name of the objects.
    place
        The folder with the trash.
    """
    path = _path(field_path, name)
    if path.exists():
        Trash(place, path)
        _list_labels(field_path)


def _describe(
    path: Path,
    name: str,
    axes: Sequence[str],
    pixel_size: float | None,
    label: dict[str, Any],
) -> None:
    """Write the OME-NGFF metadata of a label image."""
    size = pixel_size or 1.0
    scale = [size if axis in "yx" else 1.0 for axis in axes]
    image = multiscale(name, axes, [scale], in_micrometres=pixel_size is not None)
    for axis in image["axes"]:
        if axis["name"] == "z":
            # the distance of focal planes is unknown: no unit is better than a wrong one
            axis.pop("unit", None)
    write_group(path, {"multiscales": [image], "image-label": label})


def _path(field_path: Path, name: str) -> Path:
    return field_path / "labels" / check_file_name(name)


def _list_labels(field_path: Path) -> None:
    """Write the list of a field's labels, for readers."""
    folder = field_path / "labels"
    names = sorted(path.parent.name for path in folder.glob("*/zarr.json"))
    write_group(folder, {"labels": names})
