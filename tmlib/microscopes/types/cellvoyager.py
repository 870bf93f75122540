"""Yokogawa CellVoyager (CV7000, CV8000 and relatives): one TIFF per plane and two XML files.

``MeasurementData.mlf`` lists every image with well, field, stage position and plane;
``MeasurementDetail.mrf`` describes the plate and the cameras. Other files that the instruments
write (``.mes``, ``.wpi``, ``.wpp``) are not needed. Plates of 1536 wells have names with
``B03.a1``: see :func:`tmlib.microscopes.wells.normalise_well`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import regex

from tmlib.microscopes.base import AcquisitionMetadata, ImageMetadata, MetadataFileError
from tmlib.microscopes.file_names import FileNames, bare_name
from tmlib.microscopes.wells import WELL, well_at
from tmlib.microscopes.xml_files import (
    local_attributes,
    moment,
    number,
    read_elements,
    whole_number,
)

_ACTION = regex.compile(r"(?P<a>A[0-9]{2})Z[0-9]+C[0-9]{2}\.")
_OTHER_SUFFIXES = (".tif", ".png", ".jpg")


@dataclass(frozen=True)
class CellVoyager(FileNames):
    """Reads the metadata files where they are there, the file names otherwise."""

    name: str = "cellvoyager"
    image_pattern: str | None = (
        rf"^.+_(?P<w>{WELL}(?:\.[a-d][1-4])?)"
        r"_T(?P<t>\d+)F(?P<s>\d+)L\d+A\d+Z(?P<z>\d+)(?P<c>C\d{2})\.\w+$"
    )
    metadata_pattern: str | None = r"\.(mlf|mrf|MLF|MRF)$"
    reverse_rows: bool = True

    def read_names(
        self, file_names: Iterable[str], pattern: str | None = None
    ) -> dict[str, ImageMetadata]:
        """Read file names; a channel is the camera action and the channel number, "A01_C01"."""
        images = super().read_names(file_names, pattern)
        if pattern is not None:
            return images
        return {name: _with_action(image) for name, image in images.items()}

    def read_metadata(
        self, metadata_files: Sequence[Path], image_names: Iterable[str]
    ) -> AcquisitionMetadata | None:
        """Read the two metadata files; a channel is named by its number, "1".

        None, so that file names are used, if there is neither. What the one that is missing
        would say is a warning.
        """
        records = _only(metadata_files, ".mlf")
        details = _only(metadata_files, ".mrf")
        if records is None and details is None:
            return None
        pixel_size = None if details is None else _read_pixel_size(details)
        if records is None:
            return AcquisitionMetadata(
                self.read_names(image_names),
                pixel_size=pixel_size,
                warnings=[
                    "There is no .mlf file: what the images show is read off their names, and "
                    "where the stage stood is not known."
                ],
            )
        metadata = _read_records(records, set(image_names))
        if details is None:
            metadata.warnings.append("There is no .mrf file: the size of a pixel is not known.")
        return replace(metadata, pixel_size=pixel_size)


def _only(metadata_files: Sequence[Path], suffix: str) -> Path | None:
    """The metadata file of a kind, None if there is none."""
    found = [path for path in metadata_files if path.suffix.lower() == suffix]
    if len(found) > 1:
        listed = ", ".join(path.name for path in found)
        raise MetadataFileError(
            f"CellVoyager writes one {suffix} file per measurement, here are {listed}: "
            "upload each measurement as an acquisition of its own."
        )
    return found[0] if found else None


def _read_records(path: Path, asked: set[str]) -> AcquisitionMetadata:
    images: dict[str, ImageMetadata] = {}
    actions: dict[str, str] = {}
    missing = []
    n_errors = 0
    for element in read_elements(path, "MeasurementData", {"MeasurementRecord"}):
        values = local_attributes(element)
        kind = values.get("Type", "IMG")
        if kind == "ERR":
            n_errors += 1
        elif kind == "IMG":
            recorded = bare_name(element.text)
            name = _uploaded_name(recorded, asked)
            if name is None:
                missing.append(recorded)
            else:
                images[name] = _read_record(path, values, name)
                actions[name] = values.get("ActionIndex", "1")
    warnings = []
    if n_errors:
        warnings.append(
            f"The microscope recorded {n_errors} error(s) in {path.name}; no image belongs to them."
        )
    return AcquisitionMetadata(
        _tell_actions_apart(images, actions), missing=missing, warnings=warnings
    )


def _with_action(image: ImageMetadata) -> ImageMetadata:
    """Put the camera action in front of the channel."""
    match = _ACTION.search(image.file_name)
    return image if match is None else replace(image, channel=f"{match['a']}_{image.channel}")


def _tell_actions_apart(
    images: dict[str, ImageMetadata], actions: dict[str, str]
) -> dict[str, ImageMetadata]:
    """Name channels that several camera actions use, a stack and its projection, "A02_1"."""
    used = defaultdict(set)
    for name, image in images.items():
        used[image.channel].add(actions[name])
    return {
        name: replace(image, channel=f"A{actions[name]:0>2}_{image.channel}")
        if image.channel is not None and len(used[image.channel]) > 1
        else image
        for name, image in images.items()
    }


def _read_record(path: Path, values: Mapping[str, str], file_name: str) -> ImageMetadata:
    """What one record says about its image; what it leaves out is in the image's name."""

    def whole(*names: str) -> int | None:
        text = next((values[name] for name in names if name in values), None)
        return whole_number(path, names[0], file_name, text)

    row, column = whole("Row"), whole("Column")
    well = None
    if row is not None and column is not None:
        well = well_at(row, column)
        if well is None:
            raise MetadataFileError(
                f"{path.name} puts {file_name} into row {row}, column {column}, "
                "where no plate has a well: upload the file that the microscope wrote."
            )
    y, x = number(values.get("Y")), number(values.get("X"))
    return ImageMetadata(
        file_name,
        well=well,
        channel=values.get("Ch") or None,
        tpoint=whole("TimePoint", "TimelineIndex"),
        zplane=whole("ZIndex"),
        site=whole("FieldIndex"),
        stage=None if y is None or x is None else (y, x),
        time=moment(values.get("Time")),
    )


def _uploaded_name(recorded: str, asked: set[str]) -> str | None:
    """The uploaded file that a record is about: images may have been converted since."""
    if recorded in asked:
        return recorded
    stem = recorded.rpartition(".")[0]
    return next((stem + suffix for suffix in _OTHER_SUFFIXES if stem + suffix in asked), None)


def _read_pixel_size(path: Path) -> float | None:
    """Size of a pixel, if all channels have the same."""
    elements = read_elements(path, "MeasurementDetail", {"MeasurementChannel"})
    found = {local_attributes(element).get("HorizontalPixelDimension") for element in elements}
    sizes = found - {None}
    size = number(sizes.pop()) if len(sizes) == 1 else None
    return size if size is not None and size > 0 else None


MICROSCOPE = CellVoyager()
