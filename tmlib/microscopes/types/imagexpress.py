"""ImageXpress (Molecular Devices, MetaXpress): one TIFF per plane, and a ``.HTD`` text file.

``<plate>_<well>_s<site>_w<channel><hexadecimal number>.tif``; thumbnails are left alone. Sites are
numbered row by row over those that the ``.HTD`` file marks as imaged. Time points and focal planes
are folders, ``TimePoint_<number>/ZStep_<number>``; the instrument's own projections are in the
folder ``ZStep_0``, or beside these folders. Newer instruments (HCS.ai) count from 0 and write
``timepoint0/<plate>_t0_<well>_s0_w0_z0.tif``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import regex

from tmlib.microscopes.base import AcquisitionMetadata, ImageMetadata, MetadataFileError
from tmlib.microscopes.file_names import FileNames, tell_apart
from tmlib.microscopes.text_files import is_true, number, numbered, read_values
from tmlib.microscopes.wells import WELL

_FOLDER = regex.compile(r"(TimePoint|ZStep)_?(\d{1,9})", regex.IGNORECASE)
_SELECTION = "SiteSelection"


@dataclass(frozen=True)
class _Protocol:
    """What a ``.HTD`` file says: channels by number, places of sites (row, column) by number.

    `grid` has the places of imaged sites by their number in the whole grid.
    """

    path: Path
    channels: Mapping[str, str]
    cells: Mapping[int, tuple[float, float]]
    n_tpoints: int
    n_zplanes: int
    grid: Mapping[int, tuple[float, float]]

    def says_as_much_as(self, other: "_Protocol") -> bool:
        """Whether it is the same file in another folder."""
        return replace(self, path=other.path) == other


@dataclass(frozen=True)
class ImageXpress(FileNames):
    """Reads names and, where there is a ``.HTD`` file, channels and the grid of sites."""

    name: str = "imagexpress"
    image_pattern: str | None = (
        rf"^(?!.*_thumb).+?(?:_t(?P<t>\d+))?_(?P<w>{WELL})(?:_s(?P<s>\d+))?(?:_w(?P<c>\d{{1,2}}))?"
        r"(?:_z(?P<z>\d+))?(?:_t(?P<t>\d+))?"
        r"(?:_?\[?[0-9A-Fa-f]{8}-[0-9A-Fa-f-]+\]?)?\.(?:tiff?|TIFF?)$"
    )
    metadata_pattern: str | None = r"\.(HTD|htd)$"
    reads_folders: bool = True

    def read_names(
        self, file_names: Iterable[str], pattern: str | None = None
    ) -> dict[str, ImageMetadata]:
        """Read names, and the folders TimePoint and ZStep that files are in."""
        images = super().read_names(file_names, pattern)
        return {name: _with_folders(image) for name, image in images.items()}

    def read_metadata(
        self, metadata_files: Sequence[Path], image_names: Iterable[str]
    ) -> AcquisitionMetadata | None:
        """Read the ``.HTD`` file and the folders; None if there are neither."""
        names = list(image_names)
        if not metadata_files and not any(map(_folder_numbers, names)):
            return None
        images = self.read_names(names)
        omitted: set[str] = set()
        warnings: list[str] = []
        if any("zstep" in _folder_numbers(name) for name in names):
            omitted, warnings = _find_projections(images.values())
        if omitted:
            # a channel that was only projected belongs to the first plane of the others
            images = {
                name: image if image.zplane else replace(image, zplane=1)
                for name, image in images.items()
            }
        if metadata_files:
            protocol = _numbered_as(_only_protocol(metadata_files), images.values())
            warnings += _lacking(protocol, images.values())
            images = {name: _locate(protocol, image) for name, image in images.items()}
        return AcquisitionMetadata(
            {name: image for name, image in images.items() if name not in omitted},
            omitted=omitted,
            is_grid=bool(metadata_files),
            warnings=warnings,
        )


def _folder_numbers(file_name: str) -> dict[str, int]:
    """Numbers of the folders of time points and focal planes, by "timepoint" and "zstep"."""
    matches = map(_FOLDER.fullmatch, PurePosixPath(file_name).parts[:-1])
    return {match[1].lower(): int(match[2]) for match in matches if match is not None}


def _with_folders(image: ImageMetadata) -> ImageMetadata:
    numbers = _folder_numbers(image.file_name)
    return replace(
        image,
        tpoint=numbers.get("timepoint", image.tpoint),
        zplane=numbers.get("zstep", image.zplane),
    )


def _find_projections(images: Iterable[ImageMetadata]) -> tuple[set[str], list[str]]:
    """Names of projections whose focal planes are there as well, and a warning about them."""
    planes: dict[object, dict[int, str]] = {}
    for image in images:
        shown = (image.well, image.site, image.channel, image.tpoint)
        planes.setdefault(shown, {})[image.zplane or 0] = image.file_name
    omitted = {files[0] for files in planes.values() if 0 in files and len(files) > 1}
    if not omitted:
        return omitted, []
    return omitted, [
        f"{len(omitted)} images in folders ZStep_0 or beside those of focal planes, "
        f'"{min(omitted)}" for example, are projections that the microscope made itself: '
        "they are left out, since their focal planes are there. To work with them, upload them "
        "alone."
    ]


def _only_protocol(paths: Sequence[Path]) -> _Protocol:
    first, *others = [_read_protocol(path) for path in paths]
    if not all(first.says_as_much_as(other) for other in others):
        listed = ", ".join(sorted({path.name for path in paths}))
        raise MetadataFileError(
            f"MetaXpress writes one .HTD file per plate, here are different ones, {listed}: "
            "upload each plate as an acquisition of its own."
        )
    return first


def _read_protocol(path: Path) -> _Protocol:
    values = read_values(path, "HTSInfoFile")
    names: dict[int, str] = {}
    if is_true(values, "Waves"):
        names = numbered(path, values, "WaveName", "NWavelengths")
    has_stack = "ZSeries" in values and is_true(values, "ZSeries")
    grid = _read_grid(path, values)
    return _Protocol(
        path,
        tell_apart({str(k): name for k, name in names.items()}),
        dict(enumerate(grid.values(), 1)),
        number(path, values, "TimePoints") or 1,
        (number(path, values, "ZSteps") or 1) if has_stack else 1,
        grid,
    )


def _numbered_as(protocol: _Protocol, images: Iterable[ImageMetadata]) -> _Protocol:
    """The same with sites as names number them: those that are imaged, or all of the grid."""
    sites = {image.site for image in images if image.site is not None}
    in_grid = not sites <= protocol.cells.keys() and sites <= protocol.grid.keys()
    return replace(protocol, cells=protocol.grid) if in_grid else protocol


def _read_grid(path: Path, values: dict[str, list[str]]) -> dict[int, tuple[float, float]]:
    """Row and column of each imaged site by its number in the grid; of all, if none is marked."""
    if not is_true(values, "Sites"):
        return {1: (0.0, 0.0)}
    selected = {
        (int(key.removeprefix(_SELECTION)) - 1, column): text.upper() == "TRUE"
        for key, texts in values.items()
        if key.removeprefix(_SELECTION).isdecimal()
        for column, text in enumerate(texts)
    }
    n_rows = number(path, values, "YSites") or 1 + max((row for row, _ in selected), default=0)
    n_columns = number(path, values, "XSites") or 1 + max((x for _, x in selected), default=0)
    return {
        row * n_columns + column + 1: (float(row), float(column))
        for row in range(n_rows)
        for column in range(n_columns)
        if selected.get((row, column), False) or not any(selected.values())
    }


def _lacking(protocol: _Protocol, images: Iterable[ImageMetadata]) -> list[str]:
    """A warning if the images are fewer than the file says and no name tells why."""
    lacking = []
    if protocol.n_tpoints > 1 and all(image.tpoint is None for image in images):
        lacking.append(f"{protocol.n_tpoints} time points (TimePoint_1 and so on)")
    if protocol.n_zplanes > 1 and all(image.zplane is None for image in images):
        lacking.append(f"{protocol.n_zplanes} focal planes (ZStep_1 and so on)")
    if not lacking:
        return []
    return [
        f"{protocol.path.name} says that there are {' and '.join(lacking)}, but the images were "
        "uploaded without these folders: upload the folder that they are in to have all of them."
    ]


def _locate(protocol: _Protocol, image: ImageMetadata) -> ImageMetadata:
    """Add what the ``.HTD`` file says about the numbers in a name."""
    site = 1 if image.site is None else image.site
    if site not in protocol.cells:
        raise MetadataFileError(
            f"{protocol.path.name} has {len(protocol.cells)} sites per well, but "
            f'"{image.file_name}" is number {site}: upload the .HTD file that belongs to the '
            "images."
        )
    channel = image.channel or "1"
    return replace(
        image,
        site=site,
        stage=protocol.cells[site],
        channel=protocol.channels.get(channel, channel),
    )


MICROSCOPE = ImageXpress()
