"""Channel images of a plate: an OME-NGFF 0.5 plate whose fields are arrays (t, c, z, y, x).

Each plane is one file, which is written as a whole. Planes that were never written differ from
black ones.
"""

import contextlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tmlib.errors import BadInput, NotFound
from tmlib.images.arrays import (
    create_array,
    display,
    multiscale,
    open_array,
    read_stored,
    round_up,
    write_group,
    write_stored,
)
from tmlib.images.layout import well_name as name_well
from tmlib.images.layout import well_position
from tmlib.images.reading import GrayImage
from tmlib.storage import Stamp, file_stamp

_AXES = ("t", "c", "z", "y", "x")


@dataclass(frozen=True)
class FieldShape:
    """Size and type of all images of a field.

    Attributes
    ----------
    n_tpoints, n_channels, n_zplanes
        Number of each.
    height, width
        Size of a plane in pixels.
    dtype
        "uint8" or "uint16".
    """

    n_tpoints: int
    n_channels: int
    n_zplanes: int
    height: int
    width: int
    dtype: Literal["uint8", "uint16"] = "uint16"


def field_path(plate_store: Path, well_name: str, field: int) -> Path:
    """Folder of a field within the plate: ``<plate>/B/03/0``."""
    return _well_path(plate_store, well_name) / str(field)


def _well_path(plate_store: Path, well_name: str) -> Path:
    row, column = _row_and_column(well_name)
    return plate_store / row / column


def _row_and_column(well_name: str) -> tuple[str, str]:
    """Names of the folders of a well: letters and two digits."""
    name = name_well(*well_position(well_name))
    return name[:-2], name[-2:]


def write_plane(
    field_path: Path,
    shape: FieldShape,
    channel_names: Sequence[str],
    *,
    t: int,
    c: int,
    z: int,
    pixels: GrayImage,
    pixel_size: float | None = None,
) -> None:
    """Write one plane of a field; the field is created when it does not exist.

    Several processes may write planes of the same field at once, also the same plane. A plane that
    has these pixels already is left alone, with its :func:`plane_stamp`.

    Parameters
    ----------
    field_path
        From :func:`field_path`.
    shape
        Shape of the field, the same for all of its planes.
    channel_names
        Labels for viewers, in the order of `c`.
    t, c, z
        Which plane.
    pixels
        Pixels (y, x) of the type and size of `shape`.
    pixel_size
        Width and height of a pixel in micrometres, if known.

    Raises
    ------
    BadInput
        If the pixels or the plane do not fit the shape.
    Conflict
        If the field exists with another shape.
    Unavailable
        If the disk is full.
    """
    if pixels.shape != (shape.height, shape.width) or pixels.dtype != np.dtype(shape.dtype):
        raise BadInput(
            f"An image of {pixels.shape[0]} x {pixels.shape[1]} pixels ({pixels.dtype}) does not "
            f"fit a field of {shape.height} x {shape.width} pixels ({shape.dtype}): "
            "all images of an acquisition need the same size and bit depth."
        )
    full_shape = (shape.n_tpoints, shape.n_channels, shape.n_zplanes, shape.height, shape.width)
    if any(not 0 <= i < n for i, n in zip((t, c, z), full_shape, strict=False)):
        raise BadInput(f"There is no plane t={t}, c={c}, z={z} in a field of shape {full_shape}.")
    shard = (1, 1, 1, round_up(shape.height), round_up(shape.width))
    path = field_path / "0"
    create_array(path, full_shape, shard, shape.dtype, _AXES, keep_zeros=True)
    size = pixel_size or 1.0
    scales = [(1.0, 1.0, 1.0, size, size)]
    image = multiscale(field_path.name, _AXES, scales, in_micrometres=pixel_size is not None)
    # the distance of focal planes is unknown: no unit is better than a wrong one
    image["axes"][2].pop("unit", None)
    write_group(field_path, {"multiscales": [image], "omero": display(channel_names, shape.dtype)})
    view = open_array(path)[t, c, z]
    present = read_stored(view)
    if present is None or not np.array_equal(present, pixels):
        write_stored(view, pixels, path)


def read_plane(field_path: Path, *, t: int, c: int, z: int) -> GrayImage:
    """Read one plane (y, x) of a field.

    Raises
    ------
    NotFound
        If it was never written.
    """
    pixels: NDArray[Any] | None = None
    with contextlib.suppress(NotFound):
        array = open_array(field_path / "0")
        if all(0 <= i < n for i, n in zip((t, c, z), array.shape, strict=False)):
            pixels = read_stored(array[t, c, z])
    if pixels is None:
        field = "/".join(field_path.parts[-4:])
        raise NotFound(f"There is no image t={t}, c={c}, z={z} in {field}: run imextract again.")
    return pixels


def plane_stamp(field_path: Path, *, t: int, c: int, z: int) -> Stamp | None:
    """A stamp of a plane, which changes whenever it is written again.

    None if it was never written. No pixel is read.
    """
    return file_stamp(f"{field_path}/0/c/{t}/{c}/{z}/0/0")


def field_stamp(field_path: Path) -> Stamp | None:
    """A stamp of the array of a field; None if there is none."""
    return file_stamp(f"{field_path}/0/zarr.json")


def plate_metadata_stamps(plate_store: Path, wells: Collection[str]) -> list[Stamp | None]:
    """Stamps of the files of :func:`write_plate_metadata`."""
    folders = [plate_store, *(_well_path(plate_store, well) for well in sorted(wells))]
    return [file_stamp(folder / "zarr.json") for folder in folders]


def outdated_fields(plate_store: Path, shape: FieldShape, wells: Mapping[str, int]) -> list[Path]:
    """Stored fields that have another shape, or that the plate does not have any more.

    Parameters
    ----------
    plate_store
        Folder of the plate, which need not exist.
    shape
        Current shape of all fields.
    wells
        Current number of fields by name of the well.
    """
    known = {field_path(plate_store, well, i) for well, n in wells.items() for i in range(n)}
    present = [
        [shape.n_tpoints, shape.n_channels, shape.n_zplanes, shape.height, shape.width],
        shape.dtype,
    ]
    outdated = []
    for file in plate_store.glob("*/*/*/0/zarr.json"):
        stored = json.loads(file.read_text(encoding="utf-8"))
        field = file.parent.parent
        if field not in known or [stored["shape"], stored["data_type"]] != present:
            outdated.append(field)
    return outdated


def write_plate_metadata(plate_store: Path, name: str, wells: Mapping[str, int]) -> None:
    """Describe the plate so that any OME-NGFF reader finds its wells and fields.

    Parameters
    ----------
    plate_store
        Folder of the plate.
    name
        Name of the plate.
    wells
        Number of fields by name of the well.
    """
    places = {well: _row_and_column(well) for well in sorted(wells, key=well_position)}
    rows = sorted({row for row, _ in places.values()}, key=lambda row: (len(row), row))
    columns = sorted({column for _, column in places.values()})
    for well, n_fields in wells.items():
        path = _well_path(plate_store, well)
        write_group(path.parent)
        images = [{"path": str(i)} for i in range(n_fields)]
        write_group(path, {"well": {"version": "0.5", "images": images}})
    plate = {
        "version": "0.5",
        "name": name,
        "field_count": max(wells.values(), default=0),
        "rows": [{"name": row} for row in rows],
        "columns": [{"name": column} for column in columns],
        "wells": [
            {
                "path": f"{row}/{column}",
                "rowIndex": rows.index(row),
                "columnIndex": columns.index(column),
            }
            for row, column in places.values()
        ],
    }
    write_group(plate_store, {"plate": plate})
