"""Images of OME-Zarr that others wrote: see :mod:`tmlib.images.zarr_files`.

Reference: OME-NGFF 0.4 and 0.5, and bioformats2raw.layout 3.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tensorstore as ts

from tmlib.images.containers import ContainedImage, split_plane
from tmlib.images.reading import GrayImage, ImageFileError
from tmlib.images.zarr_files import check_key, open_files
from tmlib.microscopes.wells import normalise_well

_MICROMETRES = {
    "angstrom": 1e-4,
    "nanometer": 1e-3,
    "micrometer": 1.0,
    "millimeter": 1e3,
    "centimeter": 1e4,
    "meter": 1e6,
}
_CACHED_BYTES = 64 << 20
_DEPTHS = {"uint8": 8, "uint16": 16}


@dataclass(frozen=True)
class _Place:
    """Where an image is: its path in the hierarchy, and the well that it shows."""

    path: str
    well: str | None = None


@dataclass(frozen=True)
class _Field:
    """An opened image: what its metadata says, and the array of full resolution."""

    multiscale: dict[str, Any]
    channels: tuple[str, ...]
    array: Any

    @cached_property
    def axes(self) -> str:
        """Names of the axes, "tczyx" for example."""
        return "".join(axis["name"] for axis in self.multiscale["axes"])

    def size(self, axis: str) -> int:
        """Length of an axis, 1 if it is absent."""
        return int(self.array.shape[self.axes.index(axis)]) if axis in self.axes else 1

    def transform(self, kind: str) -> tuple[float, float] | None:
        """Scale or translation (y, x) in micrometres, None if it is not given.

        A translation counts without a unit too: what it tells is where images lie to each other.
        """
        units = [axis.get("unit") for axis in self.multiscale["axes"][-2:]]
        steps = [
            *self.multiscale["datasets"][0].get("coordinateTransformations", []),
            *self.multiscale.get("coordinateTransformations", []),
        ]
        found = [step[kind][-2:] for step in steps if step.get("type") == kind and kind in step]
        is_length = all(unit in _MICROMETRES for unit in units)
        if not found or (kind == "scale" and not is_length):
            return None
        join = math.prod if kind == "scale" else sum
        y, x = (join(float(values[i]) for values in found) for i in range(2))
        return (y * _MICROMETRES[units[0]], x * _MICROMETRES[units[1]]) if is_length else (y, x)


class ZarrImages:
    """All images of a plate, a well or a collection, or a single one.

    Parameters
    ----------
    path
        A folder, or a ZIP archive of one.
    max_pixels
        Refuse larger planes, and arrays whose pieces are more than four times larger.

    Raises
    ------
    ImageFileError
        If there is no OME-Zarr that can be used.
    """

    def __init__(self, path: Path, max_pixels: int) -> None:
        self._path, self._max_pixels = path, max_pixels
        self._files = open_files(path)
        # the list of an archive's files, which would be read anew for every array
        self._context = ts.Context({"cache_pool": {"total_bytes_limit": _CACHED_BYTES}})
        self._places = list(self._find())

    def images(self) -> list[ContainedImage]:
        """All images; those of a plate in the order of its wells and their fields."""
        fields = [self._open(place) for place in self._places]
        stages = [field.transform("translation") for field in fields]
        found = [(place.well, stage) for place, stage in zip(self._places, stages, strict=True)]
        if None in stages or len(set(found)) < len(found) or stages == [(0.0, 0.0)]:
            # writers that know no positions put everything at the same place
            stages = [None] * len(fields)
        return [
            ContainedImage(
                place.path or self._path.name,
                n_tpoints=field.size("t"),
                n_channels=field.size("c"),
                n_zplanes=field.size("z"),
                height=field.size("y"),
                width=field.size("x"),
                bit_depth=_DEPTHS[field.array.dtype.name],
                channels=field.channels,
                pixel_size=_square(field.transform("scale")),
                well=place.well,
                stage=stage,
            )
            for place, field, stage in zip(self._places, fields, stages, strict=True)
        ]

    def read(self, series: int, plane: int) -> GrayImage:
        """Read one plane (y, x) of an image; what was never written is black."""
        field = self._open(self._places[series])
        z, c, t = split_plane(plane, field.size("z"), field.size("c"))
        index = {"t": t, "c": c, "z": z}
        if t >= field.size("t"):
            raise ImageFileError(
                self._path, f'has no plane {plane} in "{self._places[series].path}".'
            )
        view = field.array[tuple(index[axis] for axis in field.axes[:-2])]
        try:
            pixels = view.read().result()
        except ValueError as error:
            raise ImageFileError(
                self._path,
                f'is damaged at "{self._places[series].path}" ({str(error)[:200]}): '
                "upload it again or export it anew.",
            ) from None
        plane_pixels: GrayImage = pixels.astype(field.array.dtype.name, copy=False)
        return plane_pixels

    def _find(self) -> Iterator[_Place]:
        """The places of all images."""
        ome = self._attributes("")
        if ome is None:
            raise ImageFileError(self._path, "is no OME-Zarr: it has no metadata at its top.")
        if "plate" in ome:
            yield from self._of_plate(ome["plate"])
        elif "well" in ome:
            yield from (_Place(image) for image in self._of_well("", ome["well"]))
        elif "multiscales" in ome:
            yield _Place("")
        elif ome.get("bioformats2raw.layout") == 3:
            yield from self._of_collection()
        else:
            raise ImageFileError(
                self._path,
                "has neither a plate nor a well nor an image at its top: "
                "zip the folder that your software calls .ome.zarr.",
            )

    def _of_plate(self, plate: Any) -> Iterator[_Place]:
        try:
            names = [
                (
                    well["path"],
                    plate["rows"][well["rowIndex"]]["name"]
                    + plate["columns"][well["columnIndex"]]["name"],
                )
                for well in plate["wells"]
            ]
        except (KeyError, IndexError, TypeError) as error:
            raise self._incomplete("", error) from None
        for path, name in names:
            well_name = normalise_well(name)
            if well_name is None:
                raise ImageFileError(
                    self._path, f'has a well "{name}": wells are called A01 to AF48.'
                )
            well = (self._attributes(check_key(self._path, path)) or {}).get("well", {})
            yield from (_Place(image, well_name) for image in self._of_well(path, well))

    def _of_well(self, path: str, well: Any) -> list[str]:
        """Paths of the fields of a well."""
        try:
            images = well["images"]
            runs = {image.get("acquisition") for image in images}
            paths = [image["path"] for image in images]
        except (KeyError, AttributeError, TypeError) as error:
            raise self._incomplete(path, error) from None
        if len(runs) > 1:
            raise ImageFileError(
                self._path,
                f'has {len(runs)} acquisitions in well "{path}": '
                "export each one alone and upload it as an acquisition of its own.",
            )
        return [check_key(self._path, f"{path}/{image}".lstrip("/")) for image in paths]

    def _of_collection(self) -> Iterator[_Place]:
        """Images of bioformats2raw: listed in the group OME, else numbered from 0."""
        listed = (self._attributes("OME") or {}).get("series")
        if isinstance(listed, list):
            yield from (_Place(check_key(self._path, str(path))) for path in listed)
            return
        number = 0
        while self._attributes(str(number)) is not None:
            yield _Place(str(number))
            number += 1

    def _attributes(self, group: str) -> dict[str, Any] | None:
        """The OME-NGFF metadata of a group, of whichever version; None if there is no group."""
        prefix = f"{group}/" if group else ""
        node = self._files.json(f"{prefix}zarr.json")
        if node is not None:
            attributes = node.get("attributes") or {}
            ome = attributes.get("ome", attributes)
        elif (ome := self._files.json(f"{prefix}.zattrs")) is None:
            return {} if self._files.json(f"{prefix}.zgroup") is not None else None
        if not isinstance(ome, dict):
            raise ImageFileError(self._path, f'has metadata in "{group}" that are no OME-NGFF.')
        return ome

    def _open(self, place: _Place) -> _Field:
        """Open the array of full resolution and check that it can be used."""
        ome = self._attributes(place.path) or {}
        try:
            [multiscale, *_] = ome["multiscales"]
            key = multiscale["datasets"][0]["path"]
            channels = tuple(
                str(channel.get("label") or "")
                for channel in ome.get("omero", {}).get("channels", [])
            )
            axes = [axis["name"] for axis in multiscale["axes"]]
        except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
            raise self._incomplete(place.path, error) from None
        field = _Field(multiscale, channels, self._open_array(place.path, key))
        in_order = [axis for axis in "tczyx" if axis in axes]
        if axes != in_order or axes[-2:] != ["y", "x"] or len(axes) != len(field.array.shape):
            raise ImageFileError(
                self._path,
                f'has the axes {axes} in "{place.path}": they must be t, c, z, y and x in this '
                "order, of which the first three may be absent.",
            )
        height, width = field.size("y"), field.size("x")
        if not 0 < height * width <= self._max_pixels:
            raise ImageFileError(
                self._path,
                f'has planes of {height} x {width} pixels in "{place.path}", more than the '
                f"{self._max_pixels:,} that are allowed: upload smaller fields of view.",
            )
        return field

    def _open_array(self, path: str, key: str) -> Any:
        full = check_key(self._path, f"{path}/{key}".lstrip("/"))
        is_version_3 = self._files.json(f"{full}/zarr.json") is not None
        spec = {"driver": "zarr3" if is_version_3 else "zarr", "kvstore": self._files.kvstore(full)}
        try:
            array = ts.open(spec, open=True, read=True, context=self._context).result()
        except ValueError as error:
            raise ImageFileError(
                self._path, f'has no array in "{full}" that can be read ({str(error)[:200]}).'
            ) from None
        if array.dtype.name not in _DEPTHS:
            raise ImageFileError(
                self._path,
                f'has {array.dtype.name} pixels in "{full}": '
                "export it as unsigned integers of 8 or 16 bits.",
            )
        chunk = tuple(array.chunk_layout.read_chunk.shape or array.shape)
        if math.prod(size or 1 for size in chunk) > 4 * self._max_pixels:
            raise ImageFileError(
                self._path,
                f'has chunks of {chunk} pixels in "{full}": '
                "export it with chunks of one plane or less.",
            )
        return array

    def _incomplete(self, group: str, error: Exception) -> ImageFileError:
        where = f'in "{group}" ' if group else ""
        what = f"{type(error).__name__} {error}"
        return ImageFileError(
            self._path,
            f"has metadata {where}that are no OME-NGFF of version 0.4 or 0.5 ({what}): "
            "export it anew.",
        )


def _square(scale: tuple[float, float] | None) -> float | None:
    """Size of a pixel if it is square."""
    if scale is None or not scale[0] > 0 or not np.isclose(*scale, rtol=0.01):
        return None
    return round(scale[0], 9)
