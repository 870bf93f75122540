"""OME-TIFF: files that say themselves what they show, as OME-XML.

Files of one set may hold the OME-XML of all, or leave it to a ``.companion.ome`` file. Yokogawa's
CQ1 and CQ3000 have it in ``MeasurementResult.ome.tif``, beside a picture of the plate, and in
``MeasurementResult.ome.xml``; their images are ``W0029F0001T0001Z001C1.tif``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import tifffile

from tmlib.microscopes.base import AcquisitionMetadata, ImageMetadata, MetadataFileError
from tmlib.microscopes.file_names import SelfDescribing
from tmlib.microscopes.ome_model import OmeXmlError, read_ome_xml
from tmlib.microscopes.tiff_directories import check_directories


@dataclass(frozen=True)
class OmeTiff(SelfDescribing):
    """Reads companion files; what is in the images is known already."""

    name: str = "ome-tiff"
    image_pattern: str | None = (
        r"^(?!MeasurementResult\w*\.ome\.).*\.(ome\.(tif|tiff|btf|tf2|tf8|TIFF?)|OME\.TIFF?)$"
        r"|^W\d{4}F\d{4}T\d{4}Z\d{3,4}C\d{1,2}\.tiff?$"
    )
    metadata_pattern: str | None = r"(^|\.)companion\.ome$|^MeasurementResult\w*\.ome\.(xml|tiff?)$"

    def read_metadata(
        self, metadata_files: Sequence[Path], image_names: Iterable[str]
    ) -> AcquisitionMetadata | None:
        """Read the companion files; None if there are none."""
        if not metadata_files:
            return None
        asked = set(image_names)
        planes: dict[str, list[ImageMetadata]] = {}
        known: set[str] = set()
        sizes = set()
        for path in metadata_files:
            try:
                ome = read_ome_xml(_ome_xml(path))
            except OmeXmlError as error:
                raise MetadataFileError(
                    f"{path.name} cannot be used ({error}): "
                    "upload the file that the microscope wrote."
                ) from None
            known |= ome.file_names
            for name in sorted(ome.file_names & asked):
                planes[name] = ome.planes(name)
                sizes.add(ome.pixel_size(name))
        return AcquisitionMetadata(
            {name: ImageMetadata(name) for name in planes},
            planes,
            missing=sorted(known - asked),
            pixel_size=sizes.pop() if len(sizes) == 1 else None,
        )


def _ome_xml(path: Path) -> bytes | str:
    """The OME-XML of a metadata file, or that of the first image in it."""
    if path.suffix not in (".tif", ".tiff"):
        return path.read_bytes()
    try:
        with path.open("rb") as file:
            check_directories(file, path.stat().st_size)
            file.seek(0)
            return str(tifffile.TiffFile(file).pages.first.description)
    except Exception as error:  # it raises all kinds of errors on malformed files
        raise OmeXmlError(f"it is no TIFF that can be read: {str(error)[:200]}") from error


MICROSCOPE = OmeTiff()
