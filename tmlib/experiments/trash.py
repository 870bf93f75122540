"""Files that are deleted in two steps: out of sight at once, off the disk when there is time."""

import math
import secrets
import shutil
import time
from pathlib import Path

from tmlib import durable_files

_PREFIX = ".trash-"


class Trash:
    """A folder that was taken out of its place.

    Numbers of deleted rows may be given away again, so a folder must be gone from its place
    before the transaction that deletes its row is committed. Removing its files takes too long
    for that: they are renamed first and removed afterwards by :meth:`empty`, together with what
    a process that was killed in between has left.

    Parameters
    ----------
    place
        Where to keep the trash: a folder in the same file system.
    folder
        What is to be deleted; it may be absent. None for what is there already.
    """

    def __init__(self, place: Path, folder: Path | None = None) -> None:
        self._place = place
        if folder is not None and folder.exists():
            name = f"{_PREFIX}{folder.name}-{secrets.token_hex(8)}"
            durable_files.make_folder(place)
            durable_files.move(folder, place / name)

    def empty(self, seconds: float = math.inf) -> None:
        """Remove the files for good, or as many folders of them as there is time for, about."""
        end = time.monotonic() + seconds
        for leftover in self._place.glob(f"{_PREFIX}*"):
            shutil.rmtree(leftover, ignore_errors=True)
            if time.monotonic() > end:
                return
