"""Microscope types: what their files are called and what their metadata files say."""

from tmlib.microscopes.base import (
    AcquisitionMetadata,
    FileNameError,
    ImageMetadata,
    MetadataFileError,
    Microscope,
    PatternError,
    compile_pattern,
)
from tmlib.microscopes.registry import get, names

__all__ = [
    "AcquisitionMetadata",
    "FileNameError",
    "ImageMetadata",
    "MetadataFileError",
    "Microscope",
    "PatternError",
    "compile_pattern",
    "get",
    "names",
]
