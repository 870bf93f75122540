"""ImageXpress (Molecular Devices, MetaXpress): one TIFF per plane, and a ``.HTD`` text file.

``<plate>_<well>_s<site>_w<channel><hexadecimal number>.tif``; thumbnails are left alone. Sites are
numbered row by row over those that the ``.HTD`` file marks as imaged. MetaXpress puts time points
and focal planes into folders, which the flat list of uploaded files does not have: such data are
uploaded as one acquisition per time point.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tmlib.microscopes.base import AcquisitionMetadata, ImageMetadata, MetadataFileError
from tmlib.microscopes.file_names import FileNames, tell_apart
from tmlib.microscopes.text_files import is_true, number, read_values


@dataclass(frozen=True)
class ImageXpress(FileNames):
    """Reads names and, where there is a ``.HTD`` file, channels and the grid of sites."""

    name: str = "imagexpress"
    image_pattern: str | None = (
        r".+_(?P<w>[A-Z]{1,2}\d{2})(?:_s(?P<s>\d+))?(?:_w(?P<c>\d))?"
        r"(?:_?\[?[0-9A-Fa-f]{8}-[0-9A-Fa-f-]+\]?)?\.(?:tif|TIF)$"
    )
    metadata_pattern: str | None = r"\.(HTD|htd)$"

    def read_metadata(
        self, metadata_files: Sequence[Path], image_names: Iterable[str]
    ) -> AcquisitionMetadata | None:
        """Read the ``.HTD`` file; None if there is none."""
        if not metadata_files:
            return None
        if len(metadata_files) > 1:
            listed = ", ".join(path.name for path in metadata_files)
            raise MetadataFileError(
                f"MetaXpress writes one .HTD file per plate, here are {listed}: "
                "upload each plate as an acquisition of its own."
            )
        path = metadata_files[0]
        values = read_values(path, "HTSInfoFile")
        waves = _read_waves(path, values)
        cells = _read_cells(path, values)
        return AcquisitionMetadata(
            {
                name: _locate(path, image, waves, cells)
                for name, image in self.read_names(image_names).items()
            }
        )


def _read_waves(path: Path, values: dict[str, list[str]]) -> dict[str, str]:
    """Names of the channels by their numbers."""
    if not is_true(values, "Waves"):
        return {}
    n_waves = number(path, values, "NWavelengths")
    names = {str(k): values.get(f"WaveName{k}", [""])[0] for k in range(1, n_waves + 1)}
    return tell_apart(names)


def _read_cells(path: Path, values: dict[str, list[str]]) -> list[tuple[float, float]]:
    """Row and column of each imaged site in the order of their numbers."""
    if not is_true(values, "Sites"):
        return [(0.0, 0.0)]
    n_rows, n_columns = (number(path, values, key) for key in ("YSites", "XSites"))
    return [
        (float(row), float(column))
        for row in range(n_rows)
        for column, text in enumerate(values.get(f"SiteSelection{row + 1}", [])[:n_columns])
        if text.upper() == "TRUE"
    ]


def _locate(
    path: Path,
    image: ImageMetadata,
    waves: dict[str, str],
    cells: list[tuple[float, float]],
) -> ImageMetadata:
    """Add what the ``.HTD`` file says about the numbers in a name."""
    site = 1 if image.site is None else image.site
    if not 1 <= site <= len(cells):
        raise MetadataFileError(
            f'{path.name} has {len(cells)} sites per well, but "{image.file_name}" is number '
            f"{site}: upload the .HTD file that belongs to the images."
        )
    channel = image.channel or "1"
    return replace(image, site=site, stage=cells[site - 1], channel=waves.get(channel, channel))


MICROSCOPE = ImageXpress()
