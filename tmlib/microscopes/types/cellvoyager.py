"""Yokogawa CellVoyager (CV7000, CV8000 and relatives): one TIFF per plane and two XML files.

``MeasurementData.mlf`` lists every image with well, field, stage position and plane;
``MeasurementDetail.mrf`` describes the plate and the cameras. Other files that the instruments
write (``.mes``, ``.wpi``, ``.wpp``) are not needed.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import regex

from tmlib.microscopes.base import AcquisitionMetadata, ImageMetadata, MetadataFileError
from tmlib.microscopes.file_names import FileNames, well_at
from tmlib.microscopes.xml_files import moment, number, read_elements

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_BTS = "{http://www.yokogawa.co.jp/BTS/BTSSchema/1.0}"
_ACTION = regex.compile(r"(?P<a>A[0-9]{2})Z[0-9]+C[0-9]{2}\.")
_OTHER_SUFFIXES = (".tif", ".png", ".jpg")


@dataclass(frozen=True)
class CellVoyager(FileNames):
    """Reads the metadata files where both are there, the file names otherwise."""

    name: str = "cellvoyager"
    image_pattern: str | None = (
        r"[^_]+_(?P<w>[A-Z]{1,2}\d{2})_T(?P<t>\d+)F(?P<s>\d+)L\d+A\d+Z(?P<z>\d+)(?P<c>C\d{2})\."
    )
    metadata_pattern: str | None = r"\.(mlf|mrf)$"
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

        None, so that file names are used, unless there is exactly one file of each kind.
        """
        records = [path for path in metadata_files if path.suffix.lower() == ".mlf"]
        details = [path for path in metadata_files if path.suffix.lower() == ".mrf"]
        if len(records) != 1 or len(details) != 1:
            return None
        asked = set(image_names)
        images: dict[str, ImageMetadata] = {}
        actions: dict[str, str] = {}
        missing = []
        n_errors = 0
        for element in read_elements(records[0], "MeasurementData", {"MeasurementRecord"}):
            kind = element.get(f"{_BTS}Type")
            if kind == "ERR":
                n_errors += 1
            elif kind == "IMG":
                recorded = (element.text or "").strip()
                name = _uploaded_name(recorded, asked)
                if name is None:
                    missing.append(recorded)
                else:
                    images[name] = _read_record(records[0], element, name)
                    actions[name] = element.get(f"{_BTS}ActionIndex", "1")
        warnings = []
        if n_errors:
            warnings.append(
                f"The microscope recorded {n_errors} error(s) in {records[0].name}; "
                "no image belongs to them."
            )
        return AcquisitionMetadata(
            _tell_actions_apart(images, actions),
            missing=missing,
            pixel_size=_read_pixel_size(details[0]),
            warnings=warnings,
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
        if len(used[image.channel]) > 1
        else image
        for name, image in images.items()
    }


def _read_record(path: Path, element: "Element", file_name: str) -> ImageMetadata:
    """What one record says about its image."""
    row, column = _number(path, element, "Row"), _number(path, element, "Column")
    well = well_at(row, column)
    if well is None:
        raise MetadataFileError(
            f"{path.name} puts {file_name} into row {row}, column {column}, "
            "where no plate has a well: upload the file that the microscope wrote."
        )
    y, x = number(element.get(f"{_BTS}Y")), number(element.get(f"{_BTS}X"))
    return ImageMetadata(
        file_name,
        well=well,
        channel=element.get(f"{_BTS}Ch") or "1",
        tpoint=_number(path, element, "TimePoint", "TimelineIndex"),
        zplane=_number(path, element, "ZIndex"),
        site=_number(path, element, "FieldIndex"),
        stage=None if y is None or x is None else (y, x),
        time=moment(element.get(f"{_BTS}Time")),
    )


def _uploaded_name(recorded: str, asked: set[str]) -> str | None:
    """The uploaded file that a record is about: images may have been converted since."""
    if recorded in asked:
        return recorded
    stem = recorded.rpartition(".")[0]
    return next((stem + suffix for suffix in _OTHER_SUFFIXES if stem + suffix in asked), None)


def _number(path: Path, element: "Element", *names: str) -> int:
    """The first of these attributes that is there, as a whole number."""
    for name in names:
        text = element.get(f"{_BTS}{name}")
        if text is not None:
            try:
                return int(text)
            except ValueError:
                break
    raise MetadataFileError(
        f"A record in {path.name} has no whole number as {names[0]}: "
        "upload the file that the microscope wrote."
    )


def _read_pixel_size(path: Path) -> float | None:
    """Size of a pixel, if all channels have the same."""
    elements = read_elements(path, "MeasurementDetail", {"MeasurementChannel"})
    sizes = {element.get(f"{_BTS}HorizontalPixelDimension") for element in elements} - {None}
    size = number(sizes.pop()) if len(sizes) == 1 else None
    return size if size is not None and size > 0 else None


MICROSCOPE = CellVoyager()
