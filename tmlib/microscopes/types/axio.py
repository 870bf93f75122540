"""Zeiss Axio exports: one TIFF per channel of a position, without wells."""

from tmlib.microscopes.file_names import FileNames

MICROSCOPE = FileNames("axio", r"^.+_p(?P<s>\d+)(?P<c>[A-Za-z0-9]+)\.\w+$")
