"""Thermo Fisher Cellomics ArrayScan and CellInsight: well, field and channel in the name.

``<plate>_<well>f<field>d<channel>.tif``, fields and channels counted from 0. Some exports append
``o<object>``. The instruments' own ``.C01`` and ``.DIB`` files are not read.
"""

from tmlib.microscopes.file_names import FileNames
from tmlib.microscopes.wells import WELL

MICROSCOPE = FileNames(
    "cellomics",
    rf"^.+_(?P<w>{WELL})(?i:f)(?P<s>\d+)(?i:d)(?P<c>\d+)(?:(?i:o)\d+)?\.\w+$",
)
