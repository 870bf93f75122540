"""VisiView (Visitron): one TIFF or multi-plane ``.stk`` per channel, site and time point.

``<name>_w<number><channel>_s<site>_t<time>.stk``, and one ``<name>.nd``, a text file that says
which stage position is which site of which well. The planes of a file are focal planes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import regex

from tmlib.microscopes.base import AcquisitionMetadata, ImageMetadata, MetadataFileError
from tmlib.microscopes.file_names import FileNames, normalise_well, tell_apart
from tmlib.microscopes.text_files import is_true, number, read_values

_WAVE = regex.compile(r"_w(\d+)")
_STAGE = regex.compile(r"row:\s*([A-Za-z]+)\s*,\s*column:\s*(\d+)(?:\s*,\s*site:\s*(\d+))?")


@dataclass(frozen=True)
class VisiView(FileNames):
    """Reads names and, with the ``.nd`` file, what their numbers mean."""

    name: str = "visiview"
    image_pattern: str | None = (
        r"^.+?_?(?P<w>[A-Z]\d{2})?_w\d+(?P<c>.*?)(?:_s(?P<s>\d+))?(?:_t(?P<t>\d+))?\.\w+$"
    )
    metadata_pattern: str | None = r"\.nd$"

    def read_metadata(
        self, metadata_files: Sequence[Path], image_names: Iterable[str]
    ) -> AcquisitionMetadata | None:
        """Read the ``.nd`` file, of which there must be exactly one."""
        names = list(image_names)
        if len(metadata_files) != 1:
            found = ", ".join(path.name for path in metadata_files) or "none"
            raise MetadataFileError(
                f"VisiView writes one .nd file per acquisition, here is {found}: upload the one "
                f'that belongs to "{names[0] if names else "the images"}".'
            )
        path = metadata_files[0]
        values = read_values(path, "NDInfoFile")
        waves = _read_waves(path, values)
        stages = _read_stages(path, values)
        images = {}
        for name, image in self.read_names(names).items():
            well, site = image.well, image.site
            if stages:
                well, site = _look_up_stage(path, stages, image)
            wave = _WAVE.search(name)
            channel = waves.get(str(int(wave[1]))) if wave is not None else None
            images[name] = ImageMetadata(
                name, well, channel or image.channel, image.tpoint, site=site
            )
        return AcquisitionMetadata(images)


def _read_waves(path: Path, values: dict[str, list[str]]) -> dict[str, str]:
    """Names of the channels by their numbers."""
    if not is_true(values, "DoWave"):
        return {}
    n_waves = number(path, values, "NWavelengths")
    names = {str(k): values.get(f"WaveName{k}", [""])[0] for k in range(1, n_waves + 1)}
    return tell_apart(names)


def _read_stages(path: Path, values: dict[str, list[str]]) -> dict[int, tuple[str | None, int]]:
    """Well and site by the number of the stage position; well None if it has another label."""
    if not is_true(values, "DoStage"):
        return {}
    stages: dict[int, tuple[str | None, int]] = {}
    for k in range(1, number(path, values, "NStagePositions") + 1):
        match = _STAGE.fullmatch(",".join(values.get(f"Stage{k}", [])))
        if match is None:
            stages[k] = None, k
            continue
        well = normalise_well(match[1] + match[2])
        if well is None:
            raise MetadataFileError(
                f'{path.name} has "{match[0]}" as Stage{k}, where no plate has a well: '
                "upload the file that the microscope wrote."
            )
        stages[k] = well, int(match[3] or 1)
    return stages


def _look_up_stage(
    path: Path, stages: dict[int, tuple[str | None, int]], image: ImageMetadata
) -> tuple[str | None, int | None]:
    """Well and site of an image; what the label of its position does not say is in the name."""
    if image.site is None and len(stages) > 1:
        raise MetadataFileError(
            f'{path.name} has {len(stages)} stage positions, the name "{image.file_name}" does '
            "not say at which it was taken (_s1 for the first): upload the files that the "
            "microscope wrote, with the names that it gave them."
        )
    k = image.site or 1
    if k not in stages:
        raise MetadataFileError(
            f'{path.name} has {len(stages)} stage positions, but "{image.file_name}" was taken '
            f"at number {k}: upload the .nd file that belongs to the images."
        )
    well, site = stages[k]
    return well or image.well, site


MICROSCOPE = VisiView()
