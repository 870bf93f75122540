"""A cache of columns of object tables, as memory-mapped arrays, which are fastest to read.

Everything here can be restored from the Parquet files and the database, so it may be deleted at any
time. A column belongs to one version of its table and never changes; the least recently used ones
make room for new ones. All processes of a machine share the files, which take up memory only as far
as they are read.
"""

import contextlib
import json
import mmap
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tmlib import durable_files
from tmlib.digests import digest_of
from tmlib.errors import Unavailable

# A missing column is made again, but a truncated one would be used.
_SYNC: durable_files.Sync = "content"
_TOUCH_SECONDS = 60  # a use is recorded no more often than this
_EMPTIED = 0.9  # fraction of the room that stays in use when it was full
_MAX_AGE = 30 * 86_400  # seconds; so that columns of deleted experiments disappear


class ColumnCache:
    """Arrays by version of a table and name of a column.

    Parameters
    ----------
    folder
        Folder of the cache, preferably on a local disk.
    max_bytes
        Size of the cache.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self.max_bytes = max_bytes

    def read(self, version: str, name: str, dtype: str) -> NDArray[Any] | None:
        """A column, read-only and memory-mapped; None if it is not in the cache."""
        path = self._path(version, name, dtype)
        try:
            found = path.stat()
            if time.time() - found.st_mtime > _TOUCH_SECONDS:
                os.utime(path)
            if not found.st_size:
                return np.empty(0, dtype)
            with path.open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            return np.frombuffer(mapped, dtype)
        except FileNotFoundError:
            return None

    def write(
        self, version: str, dtypes: Mapping[str, str], parts: Iterable[Sequence[NDArray[Any]]]
    ) -> None:
        """Store columns part by part; each appears complete or not at all.

        Parameters
        ----------
        version
            Version of the table.
        dtypes
            NumPy's name of the type of each column, by its name.
        parts
            Rows of all columns, in the order of `dtypes`.

        Raises
        ------
        Unavailable
            If the disk is full.
        """
        paths = [self._path(version, name, dtype) for name, dtype in dtypes.items()]
        with _reporting_no_room(), ExitStack() as stack:
            files = [stack.enter_context(durable_files.writing(path, sync=_SYNC)) for path in paths]
            for part in parts:
                for file, column, dtype in zip(files, part, dtypes.values(), strict=True):
                    file.write(np.ascontiguousarray(column, dtype).data.cast("B"))
        self._make_room(paths)

    def read_texts(self, version: str, name: str) -> tuple[str, ...] | None:
        """The texts that the numbers of a column stand for; None if they are not in the cache."""
        try:
            return tuple(json.loads(self._path(version, name, "texts").read_text()))
        except FileNotFoundError:
            return None

    def write_texts(self, version: str, name: str, texts: Sequence[str]) -> None:
        """Store the texts that the numbers of a column stand for."""
        path = self._path(version, name, "texts")
        with _reporting_no_room():
            durable_files.write(path, json.dumps(list(texts)), sync=_SYNC)

    def _path(self, version: str, name: str, suffix: str) -> Path:
        return self.folder / version / f"{digest_of(name, 32)}.{suffix}"

    def _make_room(self, new: Sequence[Path]) -> None:
        """Remove files that are old or least recently used, but never new ones."""
        used = []
        for path in self.folder.glob("*/*"):
            with contextlib.suppress(OSError):
                found = path.stat()
                used.append((found.st_mtime, found.st_size, path))
        total = sum(size for _, size, _ in used)
        is_full = total > self.max_bytes
        latest = time.time() - _MAX_AGE
        keep = set(new)
        for last_use, size, path in sorted(used):
            if last_use > latest and not (is_full and total > _EMPTIED * self.max_bytes):
                break
            if path not in keep:
                # the columns are stored even if other files cannot be removed
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
                    total -= size
                    path.parent.rmdir()


@contextmanager
def _reporting_no_room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"The server cannot keep columns of the object table ({error.strerror}): ask its "
            "administrator to look at TM_CACHE_DIR and TM_COLUMN_CACHE_MB."
        ) from error
