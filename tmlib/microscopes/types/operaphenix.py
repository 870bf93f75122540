"""Opera Phenix and Operetta (Revvity, Harmony): one TIFF per plane, and an index of them in XML.

``r<row>c<column>f<field>p<plane>-ch<channel>sk<time>fk<..>fl<..>.tiff`` and ``Index.idx.xml``
(``Index.xml`` since Harmony 6, ``Index.ref.xml`` where nothing was exported), whose namespace
differs between versions. Older Operettas write ``rc<record>-ch1``, where the record is the channel.
Positions are in metres relative to the centre of the well, y upwards.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tmlib.microscopes.base import (
    AcquisitionMetadata,
    ImageMetadata,
    MetadataFileError,
    common_pixel_size,
)
from tmlib.microscopes.file_names import FileNames, bare_name, tell_apart
from tmlib.microscopes.wells import well_at
from tmlib.microscopes.xml_files import (
    local_name,
    moment,
    number,
    read_elements,
    whole_number,
)

_MICROMETRES = 1e6


@dataclass(frozen=True)
class OperaPhenix(FileNames):
    """Reads the index where there is one, the file names otherwise."""

    name: str = "operaphenix"
    image_pattern: str | None = (
        r"^(?P<w>r\d{2}c\d{2})f(?P<s>\d+)(?:p(?P<z>\d+))?(?:rc|-ch)(?P<c>\d+)(?:-ch\d+)?"
        r"sk(?P<t>\d+)(?:fk\d+)?(?:fl\d+)?\.(?:tiff?|TIFF?)$"
    )
    metadata_pattern: str | None = r"^[Ii]ndex(\.(idx|ref))?\.xml$"
    reverse_rows: bool = True

    def read_metadata(
        self, metadata_files: Sequence[Path], image_names: Iterable[str]
    ) -> AcquisitionMetadata | None:
        """Read the index; None if there is none."""
        if not metadata_files:
            return None
        exported = [path for path in metadata_files if not path.name.endswith(".ref.xml")]
        paths = exported or list(metadata_files)
        if len(paths) > 1:
            listed = ", ".join(path.name for path in paths)
            raise MetadataFileError(
                f"Harmony writes one index per measurement, here are {listed}: "
                "upload each measurement as an acquisition of its own."
            )
        path = paths[0]
        asked = set(image_names)
        images: dict[str, ImageMetadata] = {}
        missing = []
        names: dict[str, str] = {}
        sizes: dict[str | None, float | None] = {}
        for element in read_elements(path, "EvaluationInputData", {"Image", "Entry"}):
            texts = {local_name(child): (child.text or "").strip() for child in element}
            if local_name(element) == "Entry":
                _note_channel(names, sizes, element.get("ChannelID"), texts)
            elif (name := bare_name(texts.get("URL"))) in asked:
                images[name] = _read_image(path, name, texts)
                _note_channel(names, sizes, texts.get("ChannelID"), texts)
            elif name:
                missing.append(name)
        imaged = {image.channel for image in images.values()}
        pixel_size = common_pixel_size(sizes.get(channel) for channel in imaged)
        names = tell_apart(names)
        images = {
            name: replace(image, channel=names.get(image.channel or "", image.channel))
            for name, image in images.items()
        }
        return AcquisitionMetadata(images, missing=missing, pixel_size=pixel_size)


def _note_channel(
    names: dict[str, str],
    sizes: dict[str | None, float | None],
    channel: str | None,
    texts: dict[str, str],
) -> None:
    """Newer versions describe each channel once, older ones with every image."""
    if channel and texts.get("ChannelName"):
        names[channel] = texts["ChannelName"]
    size = number(texts.get("ImageResolutionX"))
    if size is not None:
        sizes[channel or None] = size * _MICROMETRES


def _read_image(path: Path, name: str, texts: dict[str, str]) -> ImageMetadata:
    """What the index says about one image; its channel is a number.

    What it leaves out is in the image's name.
    """

    def whole(key: str) -> int | None:
        return whole_number(path, key, name, texts.get(key) or None)

    row, column = whole("Row"), whole("Col")
    well = None
    if row is not None and column is not None:
        well = well_at(row, column)
        if well is None:
            raise MetadataFileError(
                f"{path.name} puts {name} into row {row}, column {column}, "
                "where no plate has a well: upload the file that the microscope wrote."
            )
    y, x = number(texts.get("PositionY")), number(texts.get("PositionX"))
    stage = None if y is None or x is None else (y * _MICROMETRES, x * _MICROMETRES)
    return ImageMetadata(
        name,
        well,
        texts.get("ChannelID"),
        whole("TimepointID"),
        whole("PlaneID"),
        whole("FieldID"),
        stage,
        moment(texts.get("AbsTime")),
    )


MICROSCOPE = OperaPhenix()
