"""Deleting files in two steps: they are hidden at once, and removed from the disk later."""

import math
import secrets
import shutil
import time
from pathlib import Path

from tmlib import durable_files

_PREFIX = ".trash-"


class Trash:
    """A folder that was moved out of its place.

    Ids of deleted rows may be reused, so a folder must be gone from its place before the
    transaction that deletes its row is committed. Removing its files takes too long for that: the
    folder is renamed first and removed afterwards by :meth:`empty`, together with leftovers of
    processes that were killed in between.

    Parameters
    ----------
    place
        Folder for the trash, in the same file system.
    folder
        Folder to be deleted, which may be absent; None for what is in the trash already.
    """

    def __init__(self, place: Path, folder: Path | None = None) -> None:
        self._place = place
        if folder is not None and folder.exists():
            name = f"{_PREFIX}{folder.name}-{secrets.token_hex(8)}"
            durable_files.make_folder(place)
            durable_files.move(folder, place / name)

    def empty(self, seconds: float = math.inf) -> None:
        """Remove the files for good, or as many folders of them as there is time for."""
        end = time.monotonic() + seconds
        for leftover in self._place.glob(f"{_PREFIX}*"):
            shutil.rmtree(leftover, ignore_errors=True)
            if time.monotonic() > end:
                return
