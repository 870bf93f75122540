"""Zeiss: the files of ZEN. Needs the extra "vendor-formats"."""

from tmlib.microscopes.file_names import SelfDescribing

MICROSCOPE = SelfDescribing("czi", r"\.czi$", suffixes=frozenset({".czi"}))
