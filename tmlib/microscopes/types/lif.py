"""Leica: the files of LAS X. Needs the extra "vendor-formats"."""

from tmlib.microscopes.file_names import SelfDescribing

MICROSCOPE = SelfDescribing("lif", r"\.lif$", suffixes=frozenset({".lif"}))
