"""Files that contain many images, and the numbering of their planes.

Planes are numbered from 0 within each image: focal planes first, then channels, then time points.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from tmlib.images.reading import GrayImage, ImageFileError, ImageProperties


@dataclass(frozen=True)
class ContainedImage:
    """One image of a container.

    Attributes
    ----------
    name
        Its name in the vendor's software.
    n_tpoints, n_channels, n_zplanes
        Number of each.
    height, width
        Size of a plane in pixels.
    bit_depth
        8 or 16.
    channels
        Names of the channels; "" if there is none.
    pixel_size
        Width and height of a pixel in micrometres, if known.
    well
        Name of the well, "B03", if known.
    stage
        Position of the stage (y, x) in micrometres, if known.
    site
        Number of the site in its well, from 0, if a site has several images.
    first_tpoint, n_all_tpoints
        Index of its first time point in the file, and number of time points in the file, 0 if the
        same as its own: acquisitions of a plate follow each other.
    times
        Times of acquisition of planes, by (z, c, t), where known.
    """

    name: str
    n_tpoints: int
    n_channels: int
    n_zplanes: int
    height: int
    width: int
    bit_depth: int
    channels: tuple[str, ...] = ()
    pixel_size: float | None = None
    well: str | None = None
    stage: tuple[float, float] | None = None
    site: int | None = None
    first_tpoint: int = 0
    n_all_tpoints: int = 0
    times: Mapping[tuple[int, int, int], datetime] = field(default_factory=dict)

    @property
    def n_planes(self) -> int:
        """Number of planes."""
        return self.n_tpoints * self.n_channels * self.n_zplanes


class Container(Protocol):
    """An open file that holds images."""

    @property
    def warnings(self) -> Sequence[str]:
        """Sentences for the user about harmless oddities of the file."""

    def images(self) -> list[ContainedImage]:
        """All images, whose pixels are not read.

        Raises
        ------
        ImageFileError
            If one cannot be used.
        """

    def read(self, series: int, plane: int) -> GrayImage:
        """Read one plane (y, x) of an image.

        Raises
        ------
        ImageFileError
            If there is none, or it is damaged.
        """


def split_plane(plane: int, n_zplanes: int, n_channels: int) -> tuple[int, int, int]:
    """Focal plane, channel and time point (z, c, t) of a plane of an image."""
    rest, z = divmod(plane, n_zplanes)
    t, c = divmod(rest, n_channels)
    return z, c, t


def common_properties(path: Path, images: list[ContainedImage]) -> ImageProperties:
    """Properties that all images of a file share; `n_planes` counts the planes of all.

    Raises
    ------
    ImageFileError
        If there is no image, or they differ in size or type.
    """
    if not images:
        raise ImageFileError(path, "holds no images: export it anew.")
    first = images[0]
    for image in images:
        if (image.height, image.width, image.bit_depth) != (
            first.height,
            first.width,
            first.bit_depth,
        ):
            raise ImageFileError(
                path,
                f'holds images of different kinds: "{image.name}" has {image.height} x '
                f'{image.width} pixels of {image.bit_depth} bits, "{first.name}" '
                f"{first.height} x {first.width} of {first.bit_depth}. "
                "Export those that belong together, without overviews.",
            )
    return ImageProperties(
        first.height, first.width, first.bit_depth, sum(image.n_planes for image in images)
    )
