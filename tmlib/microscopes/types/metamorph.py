"""MetaMorph (Molecular Devices): one TIFF per plane, known by its name.

A wavelength has one digit: the hexadecimal number that newer versions append may begin with more.
"""

from tmlib.microscopes.file_names import FileNames

MICROSCOPE = FileNames(
    "metamorph",
    r".+_?(?P<w>[A-Z]\d{2})_s(?P<s>\d+)(?:_w(?P<c>\d))?(?:_z(?P<z>\d+))?(?:_t(?P<t>\d+))?"
    r"(?!.*_thumb)",
)
