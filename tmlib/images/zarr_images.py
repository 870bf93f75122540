"""Images of OME-Zarr from other software: see :mod:`tmlib.images.zarr_files`.

Reference: OME-NGFF 0.4 and 0.5, and bioformats2raw.layout 3.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tensorstore as ts

from tmlib.images.containers import ContainedImage, split_plane
from tmlib.images.reading import GrayImage, ImageFileError
from tmlib.images.zarr_chunks import plane_chunks
from tmlib.images.zarr_files import check_key, open_files
from tmlib.images.zarr_places import Place, Places

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
class _Field:
    """An open image: its metadata, and the array of full resolution with its place."""

    multiscale: dict[str, Any]
    channels: tuple[str, ...]
    array: Any
    key: str

    @cached_property
    def axes(self) -> str:
        """Names of the axes, "tczyx" for example."""
        return "".join(axis["name"] for axis in self.multiscale["axes"])

    def size(self, axis: str) -> int:
        """Length of an axis, 1 if it is absent."""
        return int(self.array.shape[self.axes.index(axis)]) if axis in self.axes else 1

    def transform(self, kind: str) -> tuple[float, float] | None:
        """Scale or translation (y, x) in micrometres, None if it is not given.

        A translation is used even without a unit, for relative positions.
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
        # the list of an archive's files would be read again for every array
        self._context = ts.Context({"cache_pool": {"total_bytes_limit": _CACHED_BYTES}})
        self._listed = Places(path, self._files)
        self._places = self._listed.found

    @property
    def warnings(self) -> list[str]:
        """Sentences about images that the metadata lists but that are missing."""
        return self._listed.warnings

    def images(self) -> list[ContainedImage]:
        """All images; those of a plate in the order of its wells and their fields."""
        fields = [self._open(place) for place in self._places]
        stages = [field.transform("translation") for field in fields]
        found = [
            (place.well, place.run, stage)
            for place, stage in zip(self._places, stages, strict=True)
        ]
        if None in stages or len(set(found)) < len(found) or stages == [(0.0, 0.0)]:
            # writers that do not know positions give the same one to all images
            stages = [None] * len(fields)
        n_tpoints: dict[int, int] = {}
        for place, field in zip(self._places, fields, strict=True):
            n_tpoints[place.run] = max(n_tpoints.get(place.run, 0), field.size("t"))
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
                site=place.field,
                first_tpoint=sum(n for run, n in n_tpoints.items() if run < place.run),
                n_all_tpoints=sum(n_tpoints.values()),
            )
            for place, field, stage in zip(self._places, fields, stages, strict=True)
        ]

    def read(self, series: int, plane: int) -> GrayImage:
        """Read one plane (y, x) of an image; chunks that were never written are black."""
        field = self._open(self._places[series])
        z, c, t = split_plane(plane, field.size("z"), field.size("c"))
        index = {"t": t, "c": c, "z": z}
        if t >= field.size("t"):
            raise ImageFileError(
                self._path, f'has no plane {plane} in "{self._places[series].path}".'
            )
        fixed = [index[axis] for axis in field.axes[:-2]]
        self._files.check_chunks(field.key, plane_chunks(field.array, fixed))
        view = field.array[tuple(fixed)]
        try:
            pixels = view.read().result()
        except ValueError as error:
            raise ImageFileError(
                self._path,
                f'is damaged at "{self._places[series].path}" ({self._reason(error)}): '
                "upload it again or export it anew.",
            ) from None
        plane_pixels: GrayImage = pixels.astype(field.array.dtype.name, copy=False)
        return plane_pixels

    def _reason(self, error: Exception) -> str:
        """What tensorstore says, without where the server has its files."""
        text = str(error).partition(" [tensorstore_spec")[0]
        return text.replace(f"{self._path.parent}/", "").replace("\n", " ")[:200]

    def _open(self, place: Place) -> _Field:
        """Open the array of full resolution and check that it can be used."""
        ome = self._listed.attributes(place.path) or {}
        try:
            [multiscale, *_] = ome["multiscales"]
            key = multiscale["datasets"][0]["path"]
            channels = tuple(
                str(channel.get("label") or "")
                for channel in ome.get("omero", {}).get("channels", [])
            )
            axes = [axis["name"] for axis in multiscale["axes"]]
        except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
            raise self._listed.incomplete(place.path, error) from None
        full = check_key(self._path, f"{place.path}/{key}".lstrip("/"))
        field = _Field(multiscale, channels, self._open_array(full), full)
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

    def _open_array(self, full: str) -> Any:
        is_version_3 = self._files.json(f"{full}/zarr.json") is not None
        spec = {"driver": "zarr3" if is_version_3 else "zarr", "kvstore": self._files.kvstore(full)}
        try:
            array = ts.open(spec, open=True, read=True, context=self._context).result()
        except ValueError as error:
            raise ImageFileError(
                self._path, f'has no array in "{full}" that can be read ({self._reason(error)}).'
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


def _square(scale: tuple[float, float] | None) -> float | None:
    """Size of a pixel, if it is square."""
    if scale is None or not scale[0] > 0 or not np.isclose(*scale, rtol=0.01):
        return None
    return round(scale[0], 9)
