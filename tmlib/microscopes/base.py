"""What every microscope type can tell about its files."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from tmlib.errors import BadInput


class PatternError(BadInput):
    """A file-name pattern cannot be used."""


class FileNameError(BadInput):
    """A file name does not fit its pattern."""


class MetadataFileError(BadInput):
    """A metadata file is not what its type says."""


@dataclass(frozen=True)
class ImageMetadata:
    """What one source tells about an image file, or about one plane of it; None where it is silent.

    Attributes
    ----------
    file_name
        Name of the file.
    well
        Name of the well, letter and two digits: "B03".
    channel
        Name of the channel as the microscope calls it.
    tpoint, zplane, site
        Numbers as the microscope counts them: sorted, but neither from zero nor without gaps.
    stage
        Position of the stage (y, x) in micrometres, or in whatever unit all positions of a well
        have in common.
    time
        When it was taken.
    label
        What the microscope or its user calls the position of the stage, where it names no well.
    series, plane
        Which image of the file, and which of its planes, both from 0; `plane` is None for what is
        true of all planes.
    """

    file_name: str
    well: str | None = None
    channel: str | None = None
    tpoint: int | None = None
    zplane: int | None = None
    site: int | None = None
    stage: tuple[float, float] | None = None
    time: datetime | None = None
    series: int = 0
    plane: int | None = None
    label: str | None = None


@dataclass(frozen=True)
class AcquisitionMetadata:
    """What the metadata files of an acquisition tell.

    Attributes
    ----------
    images
        What all planes of a file have in common, by file name; only files that were asked for.
    planes
        The planes of a file, by file name, where the metadata lists them one by one.
    missing
        Names of image files that the metadata knows and that were not asked for.
    omitted
        Names of image files that are not to be used; `warnings` say why.
    pixel_size
        Width and height of a pixel in micrometres, if known.
    is_grid
        Whether stage positions are rows and columns of sites, and no lengths.
    warnings
        Sentences for the user about what was found odd but did no harm.
    """

    images: dict[str, ImageMetadata]
    planes: dict[str, list[ImageMetadata]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    omitted: set[str] = field(default_factory=set)
    pixel_size: float | None = None
    is_grid: bool = False
    warnings: list[str] = field(default_factory=list)


def common_pixel_size(sizes: Iterable[float | None]) -> float | None:
    """Size of a pixel in micrometres, if all that are known are the same to 1 %.

    Lenses and cameras make channels differ by some tenths of a percent.
    """
    known = sorted(size for size in sizes if size is not None and size > 0)
    if not known or known[-1] - known[0] > 0.01 * known[-1]:
        return None
    return round(known[(len(known) - 1) // 2], 9)


class Microscope(Protocol):
    """A microscope type: which of its files are what, and how they are read."""

    @property
    def name(self) -> str:
        """What users call it."""

    @property
    def image_pattern(self) -> str | None:
        """Pattern of the image files' names, with named groups; None if any image will do."""

    @property
    def metadata_pattern(self) -> str | None:
        """Pattern of the metadata files' names; None if there are none."""

    @property
    def reverse_rows(self) -> bool:
        """Whether y of the stage grows upwards."""

    @property
    def reads_folders(self) -> bool:
        """Whether the folders that files are in tell something about them.

        The methods are given names with folders then, "TimePoint_1/ZStep_2/plate_B02.tif", and
        bare names otherwise.
        """

    def is_image(self, file_name: str) -> bool:
        """Whether a file of this name is an image."""

    def is_metadata(self, file_name: str) -> bool:
        """Whether a file of this name is a metadata file."""

    def read_names(
        self, file_names: Iterable[str], pattern: str | None = None
    ) -> dict[str, ImageMetadata]:
        """Read well, channel, z-plane, time point and site off the names of image files.

        `pattern` replaces the type's own, which is about the bare names; it may also match the
        folders that files are in.

        Raises
        ------
        PatternError
            If the pattern cannot be used or there is none.
        FileNameError
            If a name does not fit.
        """

    def read_metadata(
        self, metadata_files: Sequence[Path], image_names: Iterable[str]
    ) -> AcquisitionMetadata | None:
        """Read the metadata files; None if they are absent and file names have to do.

        Raises
        ------
        MetadataFileError
            If a file cannot be understood, or the type cannot do without one that is absent.
        """
