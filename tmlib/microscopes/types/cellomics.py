"""Thermo Fisher Cellomics ArrayScan and CellInsight: well, field and channel in the name.

``<plate>_<well>f<field>d<channel>.tif``, fields and channels counted from 0. Some exports append
``o<object>``.
"""

from tmlib.microscopes.file_names import FileNames

MICROSCOPE = FileNames(
    "cellomics",
    r".+_(?P<w>[A-Z]{1,2}\d{2})f(?P<s>\d+)d(?P<c>\d+)(?:o\d+)?\.",
)
