"""Destinations of uploaded files: locks, folders in their names, and full disks."""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import ClassVar

from tmlib.durable_files import make_folder
from tmlib.errors import BadInput, TmError

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_LOOKS_PER_SECOND = 50


class StorageFull(TmError):  # noqa: N818 - reads as what it is: "raise StorageFull"
    """The file system is full."""

    status_code: ClassVar[int] = 507


@contextmanager
def reporting_full_disk(name: str) -> Iterator[None]:
    """Translate an error of the file system that means "full" into one for the user."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_SPACE:
            raise
        raise StorageFull(
            f'The server\'s disk is full, so file "{name}" was not stored: '
            "make room and send it again."
        ) from error


@contextmanager
def locked(path: Path, patience: float = 0) -> Iterator[bool]:
    """Hold a lock file during the context; yields whether the lock was acquired.

    The kernel releases the lock when the process ends, however it ends.

    Parameters
    ----------
    path
        The lock file, which exists only while it is held.
    patience
        How many seconds to wait for its holder.
    """
    deadline = time.monotonic() + patience
    while True:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() < deadline:
                    time.sleep(1 / _LOOKS_PER_SECOND)
                    continue
                yield False
                return
            if not _is_same_file(descriptor, path):
                continue  # the last holder has just removed it
            try:
                yield True
            finally:
                path.unlink(missing_ok=True)
            return
        finally:
            os.close(descriptor)


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def make_place(folder: Path, name: str) -> Path:
    """Destination of a file of this name; the folders in its name are created.

    Raises
    ------
    BadInput
        If a file has the name of one of these, or a folder that of the file.
    """
    path = folder / name
    within = [folder / part for part in PurePosixPath(name).parents][:-1]
    try:
        # a link would lead to files that the server only reads
        if not any(parent.is_symlink() for parent in within):
            make_folder(path.parent)
            if path.is_symlink() or not path.is_dir():
                return path
    except (FileExistsError, NotADirectoryError):
        pass
    raise BadInput(
        f'"{name}" has the same name as a folder of other files, or a folder with that of a file: '
        "rename one of them and register it anew."
    )
