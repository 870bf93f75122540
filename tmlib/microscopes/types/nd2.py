"""Nikon: the files of NIS-Elements. Needs the extra "vendor-formats"."""

from tmlib.microscopes.file_names import SelfDescribing

MICROSCOPE = SelfDescribing("nd2", r"\.nd2$", suffixes=frozenset({".nd2"}))
