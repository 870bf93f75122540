"""OME-TIFF: files that say themselves what they show, as OME-XML.

Files of one set may hold the OME-XML of all, or leave it to a ``.companion.ome`` file.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tmlib.microscopes.base import AcquisitionMetadata, ImageMetadata, MetadataFileError
from tmlib.microscopes.file_names import SelfDescribing
from tmlib.microscopes.ome_model import OmeXmlError, read_ome_xml


@dataclass(frozen=True)
class OmeTiff(SelfDescribing):
    """Reads companion files; what is in the images is known already."""

    name: str = "ome-tiff"
    image_pattern: str | None = r"\.(ome\.(tif|tiff|btf|tf2|tf8|TIFF?)|OME\.TIFF?)$"
    metadata_pattern: str | None = r"(^|\.)companion\.ome$"

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
                ome = read_ome_xml(path.read_bytes())
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


MICROSCOPE = OmeTiff()
