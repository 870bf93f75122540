"""MetaMorph (Molecular Devices): one TIFF or ``.stk`` per plane or stack, known by its name.

``<name>_<well>_s<site>_w<channel>_z<plane>_t<time>``, in whatever order. Where there is an ``.nd``
file (multi-dimensional acquisition) it says what channels and stage positions are called.

A wavelength has one digit: the hexadecimal number that newer versions append may begin with more.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tmlib.microscopes.base import AcquisitionMetadata
from tmlib.microscopes.file_names import FileNames
from tmlib.microscopes.nd_files import ONLY_STACK, only_nd_file, read_nd_file
from tmlib.microscopes.wells import CAPITAL_WELL


@dataclass(frozen=True)
class MetaMorph(FileNames):
    """Reads names and, where there is one, the ``.nd`` file."""

    name: str = "metamorph"
    image_pattern: str | None = (
        rf"^(?!.*_thumb)(?:(?:.*?(?<![A-Z0-9]))??(?P<w>{CAPITAL_WELL})|.+?)"
        r"(?:_s(?P<s>\d+)|_w(?P<c>\d)(?:(?!_[swzt]\d).)*|_z(?P<z>\d+)|_t(?P<t>\d+))+\.\w+$"
        rf"|{ONLY_STACK}"
    )
    metadata_pattern: str | None = r"\.(nd|ND)$"

    def read_metadata(
        self, metadata_files: Sequence[Path], image_names: Iterable[str]
    ) -> AcquisitionMetadata | None:
        """Read the ``.nd`` file; None if there is none."""
        if not metadata_files:
            return None
        names = list(image_names)
        path = only_nd_file(metadata_files, names)
        return read_nd_file(path).describe(self.read_names(names).values())


MICROSCOPE = MetaMorph()
