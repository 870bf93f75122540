"""Reads ``.nd`` files of MetaMorph and VisiView: what the numbers in the images' names mean.

Images are called ``<name>_w<number><channel>_s<position>_t<time>``, each part only where there are
several. The file lists the channels and the labels of the stage positions.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import regex

from tmlib.microscopes.base import AcquisitionMetadata, ImageMetadata, MetadataFileError
from tmlib.microscopes.file_names import tell_apart
from tmlib.microscopes.text_files import is_true, numbered, read_values
from tmlib.microscopes.wells import CAPITAL_WELL, names_no_well, read_labels

ONLY_STACK = (
    rf"^(?!.*_(?:thumb|[swzt]\d))(?:(?:.*?(?<![A-Z0-9]))??(?P<w>{CAPITAL_WELL})|.+?)\.(?i:stk)$"
)
"""A stack that is all there is: its name has no numbers, for there is one of everything."""

_WAVE = regex.compile(r"_w(\d+)")


@dataclass(frozen=True)
class NdFile:
    """What an ``.nd`` file says.

    Attributes
    ----------
    path
        The file.
    channels
        Names of the channels by their numbers.
    labels
        Labels of the stage positions by their numbers.
    """

    path: Path
    channels: dict[int, str]
    labels: dict[int, str]

    def describe(self, images: Iterable[ImageMetadata]) -> AcquisitionMetadata:
        """Add what the file says to what the names of images say.

        Raises
        ------
        MetadataFileError
            If the names do not fit it.
        """
        places = self._places()
        found = {}
        for image in images:
            channel = self._channel(image.file_name) or image.channel
            placed = self._at_stage(image, places) if places else image
            found[image.file_name] = replace(placed, channel=channel)
        return AcquisitionMetadata(found)

    def _places(self) -> dict[int, tuple[str | None, int]]:
        for number, label in self.labels.items():
            if names_no_well(label):
                raise MetadataFileError(
                    f'{self.path.name} has "{label}" as Stage{number}, where no plate has a well: '
                    "upload the file that the microscope wrote."
                )
        return dict(zip(self.labels, read_labels(list(self.labels.values())), strict=True))

    def _at_stage(
        self, image: ImageMetadata, places: Mapping[int, tuple[str | None, int]]
    ) -> ImageMetadata:
        """An image with well and site; what the label does not say is in the name."""
        if image.site is None and len(places) > 1:
            raise MetadataFileError(
                f"{self.path.name} has {len(places)} stage positions, the name "
                f'"{image.file_name}" does not say at which it was taken (_s1 for the first): '
                "upload the files that the microscope wrote, with the names that it gave them."
            )
        number = 1 if image.site is None else image.site
        if number not in places:
            raise MetadataFileError(
                f'{self.path.name} has {len(places)} stage positions, but "{image.file_name}" was '
                f"taken at number {number}: upload the .nd file that belongs to the images."
            )
        well, site = places[number]
        label = self.labels[number] if well is None else None
        return replace(image, well=well or image.well, site=site, label=label)

    def _channel(self, file_name: str) -> str | None:
        """Name of the channel whose number is in a name; the channel's name may begin with one."""
        match = _WAVE.search(file_name)
        if match is None:
            return self.channels.get(1) if len(self.channels) == 1 else None
        numbers = [int(match[1][:n]) for n in range(len(match[1]), 0, -1)]
        rest = file_name[match.start(1) :]
        known = [number for number in numbers if number in self.channels]
        by_name = [n for n in known if rest.startswith(f"{n}{self.channels[n]}")]
        return next((self.channels[n] for n in by_name + known), None)


def read_nd_file(path: Path) -> NdFile:
    """Read an ``.nd`` file.

    Raises
    ------
    MetadataFileError
        If it cannot be understood.
    """
    values = read_values(path, "NDInfoFile")
    channels: dict[int, str] = {}
    if is_true(values, "DoWave"):
        names = numbered(path, values, "WaveName", "NWavelengths")
        told = tell_apart({str(number): name for number, name in names.items()})
        channels = {int(number): name for number, name in told.items()}
    labels = {}
    if is_true(values, "DoStage"):
        labels = numbered(path, values, "Stage", "NStagePositions")
    return NdFile(path, channels, labels)


def only_nd_file(metadata_files: Sequence[Path], image_names: Sequence[str]) -> Path:
    """The one ``.nd`` file of an acquisition.

    Raises
    ------
    MetadataFileError
        If there is none, or there are several.
    """
    if len(metadata_files) != 1:
        found = ", ".join(path.name for path in metadata_files) or "none"
        raise MetadataFileError(
            f"The microscope writes one .nd file per acquisition, here is {found}: upload the one "
            f'that belongs to "{image_names[0] if image_names else "the images"}".'
        )
    return metadata_files[0]
