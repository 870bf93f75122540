"""Vendors' own formats, read with bioio's readers, which are an optional extra.

Only the common interface of bioio's readers is used, and one plane is read at a time.
"""

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tmlib.errors import Unavailable
from tmlib.images.containers import ContainedImage, split_plane
from tmlib.images.reading import GrayImage, ImageFileError
from tmlib.images.vendor_places import ScenePlace, scene_places

READERS = {".nd2": "bioio_nd2", ".czi": "bioio_czi", ".lif": "bioio_lif"}
"""The package that reads each format, by lower-case suffix."""

_PLANE_BY_PLANE = {".czi": {"chunk_dims": ["Y", "X"]}, ".lif": {"chunk_dims": ["Y", "X"]}}
_UNDERSTOOD = set("TCZYXM")
_DEPTHS = {"uint8": 8, "uint16": 16}


def open_vendor_file(path: Path, max_pixels: int) -> "VendorFile":
    """Open a file with the reader of its format.

    Raises
    ------
    Unavailable
        If that is not installed.
    ImageFileError
        If the file cannot be opened.
    """
    package = READERS[path.suffix.lower()]
    try:
        reader_type = importlib.import_module(package).Reader
    except ImportError:
        raise Unavailable(
            f'The image file "{path.name}" needs {package.replace("_", "-")} to be read: ask your '
            'administrator to install the extra "vendor-formats" '
            '(pip install "tmserver[vendor-formats]").'
        ) from None
    try:
        reader = reader_type(str(path), **_PLANE_BY_PLANE.get(path.suffix.lower(), {}))
    except Exception as error:  # the readers raise all kinds of errors on malformed files
        raise _damaged(path, error) from error
    return VendorFile(path, max_pixels, reader)


@dataclass(frozen=True)
class _Image:
    """A scene of a file, or one tile of it."""

    scene: int
    tile: int | None


class VendorFile:
    """The scenes of a file; each tile of a tiled scene is an image of its own.

    Parameters
    ----------
    path
        The file.
    max_pixels
        Refuse larger planes.
    reader
        A reader of bioio's interface for it.
    """

    warnings: Sequence[str] = ()

    def __init__(self, path: Path, max_pixels: int, reader: Any) -> None:
        self._path, self._max_pixels, self._reader = path, max_pixels, reader

    def images(self) -> list[ContainedImage]:
        """All scenes and tiles in the order of the file."""
        try:
            found = [image for scene in self._scenes() for image in self._describe(scene)]
        except ImageFileError:
            raise
        except Exception as error:  # see open_vendor_file
            raise _damaged(self._path, error) from error
        return found

    def read(self, series: int, plane: int) -> GrayImage:
        """Read one plane (y, x) of a scene or tile."""
        try:
            image = self._images[series]
            self._reader.set_scene(image.scene)
            sizes = self._sizes()
            z, c, t = split_plane(plane, sizes.get("Z", 1), sizes.get("C", 1))
            chosen = {"T": t, "C": c, "Z": z, "M": image.tile}
            index = {name: i for name, i in chosen.items() if name in sizes and i is not None}
            pixels = self._reader.get_image_dask_data("YX", **index)
            return np.asarray(pixels.compute(scheduler="synchronous"))
        except Exception as error:  # see open_vendor_file
            raise _damaged(self._path, error) from error

    @cached_property
    def _places(self) -> list[ScenePlace]:
        return scene_places(self._path, self._reader)

    @cached_property
    def _images(self) -> list[_Image]:
        return [
            _Image(scene, tile) for scene in self._scenes() for tile in self._tiles(self._sizes())
        ]

    def _scenes(self) -> Iterator[int]:
        """The number of each scene, which is the reader's current one meanwhile."""
        for scene in range(len(self._reader.scenes)):
            self._reader.set_scene(scene)
            yield scene

    def _sizes(self) -> dict[str, int]:
        """Length of each dimension of the current scene."""
        dims = self._reader.dims
        return {name: int(dims[name][0]) for name in dims.order}

    @staticmethod
    def _tiles(sizes: dict[str, int]) -> list[int | None]:
        return list(range(sizes["M"])) if sizes.get("M", 1) > 1 else [None]

    def _describe(self, scene: int) -> Iterator[ContainedImage]:
        """The images of the current scene."""
        reader, sizes = self._reader, self._sizes()
        name = str(reader.scenes[scene])
        self._check(name, sizes)
        size = reader.physical_pixel_sizes
        is_square = size.Y is not None and size.X is not None and np.isclose(size.Y, size.X, 0.01)
        pixel_size = round(float(size.X), 9) if is_square and size.X > 0 else None
        place = self._places[scene]
        for tile in self._tiles(sizes):
            yield ContainedImage(
                name if tile is None else f"{name}, tile {tile}",
                n_tpoints=sizes.get("T", 1),
                n_channels=sizes.get("C", 1),
                n_zplanes=sizes.get("Z", 1),
                height=sizes["Y"],
                width=sizes["X"],
                bit_depth=_DEPTHS[np.dtype(reader.dtype).name],
                channels=tuple(map(str, reader.channel_names or ())),
                pixel_size=pixel_size,
                well=place.well,
                stage=self._stage(place, tile, pixel_size),
                times=_times(reader),
            )

    def _check(self, name: str, sizes: dict[str, int]) -> None:
        """Refuse scenes that are not stacks of gray planes."""
        if sizes.get("S", 1) > 1:
            raise ImageFileError(
                self._path, f'is in colour in "{name}": export each channel as a gray image.'
            )
        further = [dim for dim, size in sizes.items() if dim not in _UNDERSTOOD and size > 1]
        if further:
            raise ImageFileError(
                self._path,
                f'has a dimension {further[0]} in "{name}" besides time, channels, focal planes '
                "and tiles: export it as OME-TIFF.",
            )
        dtype = np.dtype(self._reader.dtype).name
        if dtype not in _DEPTHS:
            raise ImageFileError(
                self._path,
                f'has {dtype} pixels in "{name}": export it as unsigned integers of 8 or 16 bits.',
            )
        if not 0 < sizes["Y"] * sizes["X"] <= self._max_pixels:
            raise ImageFileError(
                self._path,
                f'has planes of {sizes["Y"]} x {sizes["X"]} pixels in "{name}", more than the '
                f"{self._max_pixels:,} that are allowed: upload smaller fields of view.",
            )

    def _stage(
        self, place: ScenePlace, tile: int | None, pixel_size: float | None
    ) -> tuple[float, float] | None:
        """Position (y, x) of the current scene, or of a tile of it."""
        if tile is None:
            return place.stage
        if tile < len(place.tiles):
            return place.tiles[tile]
        y, x = self._reader.get_mosaic_tile_position(tile)
        return y * (pixel_size or 1.0), x * (pixel_size or 1.0)


def _times(reader: Any) -> dict[tuple[int, int, int], datetime]:
    """Acquisition times of the planes of the current scene, by (z, c, t)."""
    times = {}
    for one in getattr(reader, "acquisition_times", None) or ():
        z, c, t = (int(one.get(axis, 0)) for axis in "ZCT")
        time = one["acquisition_time"]
        times[z, c, t] = time if time.tzinfo else time.replace(tzinfo=UTC)
    return times


def _damaged(path: Path, error: Exception) -> ImageFileError:
    said = f" ({str(error)[:200]})" if str(error) else ""
    return ImageFileError(
        path,
        f"cannot be read{said}: upload it again, or export it as OME-TIFF.",
    )
