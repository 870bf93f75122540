"""Checks the chain of directories of a TIFF file, before a reader that trusts it is used.

A file of a hundred bytes can have endless planes, if its last directory points back to the first
one, or many directories that share one long list of values.
"""

import struct
from typing import BinaryIO

MAX_DIRECTORIES = 200_000
"""Largest number of planes, including those that are reductions of others."""

_MAX_TAGS = 4096
_TYPE_SIZES = dict(enumerate((0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8)))
_MAX_SHARING = 16  # how many times larger than the file its directories' values may be
_SLACK = 2**20


class EndlessTiffError(Exception):
    """The directories cannot be read; the message says why, as the end of a sentence."""


def check_directories(file: BinaryIO, size: int) -> None:
    """Go through the chain of directories, which must end.

    A chain that breaks off is left to the reader. The position in the file changes.

    Parameters
    ----------
    file
        A TIFF or BigTIFF, opened for reading.
    size
        Its size in bytes.

    Raises
    ------
    EndlessTiffError
        If the chain returns to an earlier directory, is longer than `MAX_DIRECTORIES`, or its
        directories contain many times more than the file.
    """
    directories = _Directories(file)
    seen: set[int] = set()
    n_bytes = 0
    offset = directories.first()
    while offset is not None and 0 < offset < size:
        if offset in seen:
            raise EndlessTiffError("has a list of planes without an end")
        seen.add(offset)
        if len(seen) > MAX_DIRECTORIES:
            raise EndlessTiffError(f"has more than {MAX_DIRECTORIES:,} planes")
        n_more, offset = directories.read(offset)
        n_bytes += n_more
        if n_bytes > _MAX_SHARING * size + _SLACK:
            raise EndlessTiffError("says more about its planes than it can hold")


class _Directories:
    """Reads the directories of a TIFF (offsets of 4 bytes) or BigTIFF (8 bytes)."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        file.seek(0)
        self._start = file.read(16)
        order = "<" if self._start[:2] == b"II" else ">"
        self._is_big = b"+" in self._start[2:4]
        self._pointer = struct.Struct(order + ("Q" if self._is_big else "I"))
        self._count = struct.Struct(order + ("Q" if self._is_big else "H"))
        self._tag = struct.Struct(order + ("HHQ8s" if self._is_big else "HHI4s"))

    def first(self) -> int | None:
        """Offset of the first directory."""
        position = 8 if self._is_big else 4
        return self._offset(self._start[position : position + self._pointer.size])

    def read(self, offset: int) -> tuple[int, int | None]:
        """Number of bytes of a directory's values, and offset of the next one, if any."""
        self._file.seek(offset)
        counted = self._file.read(self._count.size)
        n_tags = self._count.unpack(counted)[0] if len(counted) == self._count.size else 0
        if not 0 < n_tags <= _MAX_TAGS:
            return 0, None
        length = n_tags * self._tag.size
        tags = self._file.read(length + self._pointer.size)
        if len(tags) < length:
            return 0, None
        n_bytes = sum(
            _TYPE_SIZES.get(kind, 0) * number
            for _, kind, number, _ in self._tag.iter_unpack(tags[:length])
        )
        return n_bytes, self._offset(tags[length:])

    def _offset(self, content: bytes) -> int | None:
        if len(content) < self._pointer.size:
            return None
        offset: int = self._pointer.unpack(content)[0]
        return offset
