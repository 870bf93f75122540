"""Microscope types: what their files are called and what their metadata files say."""

from tmlib.microscopes.acquisitions import Acquired, PlaneMetadata, read_acquisition
from tmlib.microscopes.base import (
    AcquisitionMetadata,
    FileNameError,
    ImageMetadata,
    MetadataFileError,
    Microscope,
    PatternError,
)
from tmlib.microscopes.file_names import compile_pattern
from tmlib.microscopes.registry import get, names, recognise

__all__ = [
    "Acquired",
    "AcquisitionMetadata",
    "FileNameError",
    "ImageMetadata",
    "MetadataFileError",
    "Microscope",
    "PatternError",
    "PlaneMetadata",
    "compile_pattern",
    "get",
    "names",
    "read_acquisition",
    "recognise",
]
