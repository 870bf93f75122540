"""Writes MetaMorph stacks: TIFF files with one directory for many planes."""

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_SHORT, _LONG, _RATIONAL = 3, 4, 5
_UIC1, _UIC2 = 33628, 33629
_SPATIAL_CALIBRATION, _X_CALIBRATION, _UNITS = 3, 4, 6


def write_stk(path: Path, planes: NDArray[np.uint16], *, n_declared: int | None = None) -> None:
    """Write planes (z, y, x) one behind the other, with pixels of 0.65 micrometres.

    Tag UIC2 has six numbers per plane (distance and dates) and says by its count how many planes
    there are; tag UIC1 has pairs of a number and a value or its place.
    """
    n_planes, height, width = planes.shape
    n_declared = n_declared or n_planes
    pixels = planes.astype("<u2").tobytes()
    directory = 8 + len(pixels)
    uic1 = directory + 2 + 11 * 12 + 4
    size = uic1 + 3 * 8
    units = size + 8
    uic2 = units + 8
    entries = [
        (256, _LONG, 1, width),
        (257, _LONG, 1, height),
        (258, _SHORT, 1, 16),
        (259, _SHORT, 1, 1),
        (262, _SHORT, 1, 1),
        (273, _LONG, 1, 8),
        (277, _SHORT, 1, 1),
        (278, _LONG, 1, height),
        (279, _LONG, 1, 2 * height * width),
        (_UIC1, _LONG, 3, uic1),
        (_UIC2, _RATIONAL, n_declared, uic2),
    ]
    per_plane = struct.pack("<6I", 1, 2, 2457000, 0, 2457000, 0)
    path.write_bytes(
        struct.pack("<2sHI", b"II", 42, directory)
        + pixels
        + struct.pack("<H", len(entries))
        + b"".join(struct.pack("<HHII", *entry) for entry in entries)
        + struct.pack("<I", 0)
        + struct.pack("<6I", _SPATIAL_CALIBRATION, 1, _X_CALIBRATION, size, _UNITS, units)
        + struct.pack("<2I", 65, 100)
        + struct.pack("<I4s", 3, b"um\0\0")
        + per_plane * n_declared
    )
