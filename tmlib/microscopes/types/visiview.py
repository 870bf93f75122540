"""VisiView (Visitron): one TIFF or multi-plane ``.stk`` per channel, site and time point.

``<name>_w<number><channel>_s<site>_t<time>.stk``, and one ``<name>.nd``, a text file that says
which stage position is which site of which well. The planes of a file are focal planes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tmlib.microscopes.base import AcquisitionMetadata
from tmlib.microscopes.file_names import FileNames
from tmlib.microscopes.nd_files import ONLY_STACK, only_nd_file, read_nd_file
from tmlib.microscopes.wells import CAPITAL_WELL


@dataclass(frozen=True)
class VisiView(FileNames):
    """Reads names and, with the ``.nd`` file, what their numbers mean."""

    name: str = "visiview"
    image_pattern: str | None = (
        rf"^(?!.*_thumb)(?:(?:.*?(?<![A-Z0-9]))??(?P<w>{CAPITAL_WELL})|.+?)(?=_[wst]\d)"
        r"(?:_w\d+(?P<c>(?:(?!_[st]\d).)*?))?(?:_s(?P<s>\d+))?(?:_t(?P<t>\d+))?\.\w+$"
        rf"|{ONLY_STACK}"
    )
    metadata_pattern: str | None = r"\.(nd|ND)$"

    def read_metadata(
        self, metadata_files: Sequence[Path], image_names: Iterable[str]
    ) -> AcquisitionMetadata | None:
        """Read the ``.nd`` file, of which there must be exactly one."""
        names = list(image_names)
        path = only_nd_file(metadata_files, names)
        return read_nd_file(path).describe(self.read_names(names).values())


MICROSCOPE = VisiView()
