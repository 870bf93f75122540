"""Yokogawa CellVoyager (CV7000 and relatives): one TIFF per plane and two XML files.

``MeasurementData.mlf`` lists every image with well, field, stage position and plane;
``MeasurementDetail.mrf`` describes the plate and the cameras.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import regex
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, iterparse, parse

from tmlib.microscopes.base import (
    AcquisitionMetadata,
    FileNames,
    ImageMetadata,
    MetadataFileError,
    normalise_well,
)

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
        r"[^_]+_(?P<w>[A-Z]\d{2})_T(?P<t>\d+)F(?P<s>\d+)L\d+A\d+Z(?P<z>\d+)(?P<c>C\d{2})\."
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
        n_errors = 0
        for element in _records(records[0]):
            kind = element.get(f"{_BTS}Type")
            if kind == "ERR":
                n_errors += 1
            elif kind == "IMG":
                image = _read_record(records[0], element, asked)
                if image is not None:
                    images[image.file_name] = image
        warnings = []
        if n_errors:
            warnings.append(
                f"The microscope recorded {n_errors} error(s) in {records[0].name}; "
                "no image belongs to them."
            )
        return AcquisitionMetadata(images, _read_pixel_size(details[0]), warnings)


def _with_action(image: ImageMetadata) -> ImageMetadata:
    """Put the camera action in front of the channel."""
    match = _ACTION.search(image.file_name)
    if match is None:
        return image
    return ImageMetadata(
        image.file_name,
        image.well,
        f"{match['a']}_{image.channel}",
        image.tpoint,
        image.zplane,
        image.site,
    )


def _records(path: Path) -> Iterable["Element"]:
    """The records of an ``.mlf`` file one after the other: it may have a million of them."""
    try:
        root = None
        for event, element in iterparse(path, events=("start", "end")):
            if root is None:
                root = element
                if root.tag != f"{_BTS}MeasurementData":
                    raise MetadataFileError(
                        f"{path.name} is not a CellVoyager measurement: its root is {root.tag}, "
                        "not MeasurementData. Upload the file that the microscope wrote."
                    )
            if event == "end" and element.tag == f"{_BTS}MeasurementRecord":
                yield element
                root.clear()
    except (ParseError, DefusedXmlException) as error:
        raise _broken(path, error) from None


def _read_record(path: Path, element: "Element", asked: set[str]) -> ImageMetadata | None:
    """What one record says; None if its image was not asked for."""
    file_name = _uploaded_name((element.text or "").strip(), asked)
    if file_name is None:
        return None
    row, column = _number(path, element, "Row"), _number(path, element, "Column")
    letters = chr(64 + row) if row <= 26 else "A" + chr(64 + row - 26)
    well = normalise_well(f"{letters}{column:02d}") if 1 <= row <= 32 else None
    if well is None:
        raise MetadataFileError(
            f"{path.name} puts {file_name} into row {row}, column {column}, "
            "where no plate has a well: upload the file that the microscope wrote."
        )
    return ImageMetadata(
        file_name,
        well=well,
        channel=element.get(f"{_BTS}Ch") or "1",
        tpoint=_number(path, element, "TimePoint", "TimelineIndex"),
        zplane=_number(path, element, "ZIndex"),
        site=_number(path, element, "FieldIndex"),
        stage=_stage(element),
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


def _stage(element: "Element") -> tuple[float, float] | None:
    """Position of the stage (y, x)."""
    try:
        y, x = float(element.get(f"{_BTS}Y", "")), float(element.get(f"{_BTS}X", ""))
    except ValueError:
        return None
    return (y, x) if isfinite(y) and isfinite(x) else None


def _read_pixel_size(path: Path) -> float | None:
    """Size of a pixel, if all channels have the same."""
    try:
        elements = list(parse(path).iter(f"{_BTS}MeasurementChannel"))
    except (ParseError, DefusedXmlException) as error:
        raise _broken(path, error) from None
    sizes = {element.get(f"{_BTS}HorizontalPixelDimension") for element in elements}
    try:
        (size,) = (float(text) for text in sizes if text is not None)
    except ValueError:
        return None
    return size if isfinite(size) and size > 0 else None


def _broken(path: Path, error: Exception) -> MetadataFileError:
    return MetadataFileError(
        f"{path.name} cannot be read as XML ({error}): upload the file that the microscope wrote."
    )
