"""Yokogawa CellVoyager (CV7000, CV8000, CQ1, CQ3000): one TIFF per plane and two XML files.

``MeasurementData.mlf`` lists every image with well, field, stage position and plane;
``MeasurementDetail.mrf`` describes the plate and the cameras. Other files that the instruments
write (``.mes``, ``.wpi``, ``.wpp``) are not needed. Plates of 1536 wells have names with
``B03.a1``: see :func:`tmlib.microscopes.wells.normalise_well`. CQ1 and CQ3000 count the wells of
the plate, ``W0029F0001T0001Z001C1.tif``, and only the ``.mlf`` file says which well that is.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import regex

from tmlib.microscopes.base import (
    AcquisitionMetadata,
    FileNameError,
    ImageMetadata,
    MetadataFileError,
    common_pixel_size,
)
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
_COUNTED_WELL = regex.compile(r"W\d{4}F\d{4}T\d{4}Z\d{3,4}C\d{1,2}\.\w+")
_CHANNEL = regex.compile(r"(?:A\d+_)?C?0*(?P<c>\d+)(?:_.+)?")
_OTHER_SUFFIXES = (".tif", ".tiff", ".TIF", ".png", ".jpg")


@dataclass(frozen=True)
class CellVoyager(FileNames):
    """Reads the metadata files where they are there, the file names otherwise."""

    name: str = "cellvoyager"
    image_pattern: str | None = (
        rf"^.+_(?P<w>{WELL}(?:\.[a-d][1-4])?)"
        r"_T(?P<t>\d+)F(?P<s>\d+)L\d+A\d+Z(?P<z>\d+)(?P<c>C\d{2})\.\w+$"
        r"|^W\d{4}F(?P<s>\d{4})T(?P<t>\d{4})Z(?P<z>\d{3,4})C(?P<c>\d{1,2})\.\w+$"
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
        counted = [name for name in images if _COUNTED_WELL.fullmatch(bare_name(name))]
        if counted:
            raise FileNameError(
                f'The file name "{counted[0]}" counts the wells of the plate, and '
                "MeasurementData.mlf says which they are: upload it too, or read the names with "
                'the argument "regex".'
            )
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
        if records is None:
            images = self.read_names(image_names)
            warning = (
                "There is no .mlf file: what the images show is read off their names, and where "
                "the stage stood is not known."
            )
            return _with_details(AcquisitionMetadata(images, warnings=[warning]), details)
        return _with_details(_read_records(records, set(image_names)), details)


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


@dataclass(frozen=True)
class _Record:
    """What the ``.mlf`` file says about an image, and what tells its channel and time apart."""

    image: ImageMetadata
    action: str
    timeline: str
    projection: str


def _read_records(path: Path, asked: set[str]) -> AcquisitionMetadata:
    records: dict[str, _Record] = {}
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
                records[name] = _read_record(path, values, name)
    warnings = []
    if n_errors:
        warnings.append(
            f"The microscope recorded {n_errors} error(s) in {path.name}; no image belongs to them."
        )
    channels, tpoints = _name_channels(records), _count_tpoints(records)
    images = {
        name: replace(record.image, channel=channels[name], tpoint=tpoints[name])
        for name, record in records.items()
    }
    return AcquisitionMetadata(images, missing=missing, warnings=warnings)


def _with_action(image: ImageMetadata) -> ImageMetadata:
    """Put the camera action in front of the channel."""
    match = _ACTION.search(image.file_name)
    return image if match is None else replace(image, channel=f"{match['a']}_{image.channel}")


def _name_channels(records: Mapping[str, _Record]) -> dict[str, str | None]:
    """Names of channels: "2", "A02_2" if several actions use it, "2_Maximum" beside its planes."""
    actions = defaultdict(set)
    projections = defaultdict(set)
    for record in records.values():
        channel = record.image.channel
        actions[channel].add(record.action)
        projections[channel, record.action].add(record.projection)
    names = {}
    for file_name, record in records.items():
        channel = name = record.image.channel
        if name is not None and len(actions[channel]) > 1:
            name = f"A{record.action:0>2}_{name}"
        if name is not None and record.projection and len(projections[channel, record.action]) > 1:
            name = f"{name}_{record.projection}"
        names[file_name] = name
    return names


def _count_tpoints(records: Mapping[str, _Record]) -> dict[str, int | None]:
    """Time points, counted over the wells of the same timelines: others' are not theirs.

    Wells that one timeline after the other images once each have the time points 1, 2 and so on.
    """
    timelines = defaultdict(set)
    for record in records.values():
        timelines[record.image.well].add(record.timeline)
    sharing = {well: frozenset(found) for well, found in timelines.items()}
    if len(set(sharing.values())) == 1:
        return {name: record.image.tpoint for name, record in records.items()}
    counted: dict[frozenset[str], set[int]] = defaultdict(set)
    for record in records.values():
        if record.image.tpoint is not None:
            counted[sharing[record.image.well]].add(record.image.tpoint)
    ranks: dict[tuple[frozenset[str], int | None], int] = {
        (shared, tpoint): rank
        for shared, tpoints in counted.items()
        for rank, tpoint in enumerate(sorted(tpoints), 1)
    }
    return {
        name: ranks.get((sharing[record.image.well], record.image.tpoint))
        for name, record in records.items()
    }


def _read_record(path: Path, values: Mapping[str, str], file_name: str) -> _Record:
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
    image = ImageMetadata(
        file_name,
        well=well,
        channel=values.get("Ch") or None,
        tpoint=whole("TimePoint", "TimelineIndex"),
        zplane=whole("ZIndex"),
        site=whole("FieldIndex"),
        stage=None if y is None or x is None else (y, x),
        time=moment(values.get("Time")),
    )
    return _Record(
        image,
        values.get("ActionIndex", "1"),
        values.get("TimelineIndex", "1"),
        values.get("ZImageProcessing", ""),
    )


def _uploaded_name(recorded: str, asked: set[str]) -> str | None:
    """The uploaded file that a record is about: images may have been converted since."""
    if recorded in asked:
        return recorded
    stem = recorded.rpartition(".")[0]
    return next((stem + suffix for suffix in _OTHER_SUFFIXES if stem + suffix in asked), None)


def _with_details(metadata: AcquisitionMetadata, path: Path | None) -> AcquisitionMetadata:
    """Add what the ``.mrf`` file says, which also describes channels that were not imaged."""
    if path is None:
        warning = "There is no .mrf file: the size of a pixel is not known."
        return replace(metadata, warnings=[*metadata.warnings, warning])
    sizes = {}
    for element in read_elements(path, "MeasurementDetail", {"MeasurementChannel"}):
        values = local_attributes(element)
        size = number(values.get("HorizontalPixelDimension"))
        sizes[_number_of(values.get("Ch", ""))] = size
    imaged = {_number_of(image.channel or "") for image in metadata.images.values()}
    imaged_sizes = [sizes[channel] for channel in imaged & sizes.keys()]
    return replace(metadata, pixel_size=common_pixel_size(imaged_sizes or sizes.values()))


def _number_of(channel: str) -> str:
    """Number of a channel in its name, "4" of "A01_C04" or "A01_4_Maximum"."""
    match = _CHANNEL.fullmatch(channel)
    return channel if match is None else match["c"]


MICROSCOPE = CellVoyager()
