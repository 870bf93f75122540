"""Opens what is below a folder, whatever others make of the names there meanwhile.

A path that was checked may lead elsewhere once it is opened: somebody has put a link in its place.
So links are followed first, by name, and it is checked where they lead. What is there is opened
folder by folder, each from the one before it, and no link is followed any more.
"""

import errno
import os
import stat
from collections.abc import Sequence
from io import BufferedReader
from pathlib import Path
from typing import Self

# where there is it, a folder need not be readable to be passed through
_PASS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
# what is no file must neither be waited for nor become the terminal
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
# what is said of a link that is not followed
_LINKS = errno.ELOOP, errno.ENOTDIR


class LeadsOut(OSError):  # noqa: N818 - reads as what it is
    """A path leads out of the folder, or to what is neither a file nor a folder."""


class Opened:
    """A file or folder that is open.

    Attributes
    ----------
    path
        Where it was, with no links in it.
    descriptor
        Open for reading.
    status
        What the system says of it.
    is_folder
        Whether it is a folder, and otherwise a file.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor
        self.status = os.fstat(descriptor)
        self.is_folder = stat.S_ISDIR(self.status.st_mode)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of it."""
        os.close(self.descriptor)

    def reader(self) -> BufferedReader:
        """The file, to be read and closed instead of this."""
        return os.fdopen(self.descriptor, "rb")


def real(path: Path) -> Path:
    """A path with no links in it; of what is not there, as far as it is.

    Raises
    ------
    OSError
        If no path can be like this.
    """
    try:
        return Path(os.path.realpath(path))
    except ValueError as error:
        raise OSError(errno.EINVAL, str(error)) from None
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        # what was a link when it was looked at is none any more
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from None


def open_wherever(path: Path) -> Opened:
    """Open a file or folder that links may lead to, whoever has made them.

    Raises
    ------
    LeadsOut
        If it is neither.
    OSError
        If it is not there, or cannot be read.
    """
    found = real(path)
    return open_below(found.parent, found)


def open_below(folder: Path, path: Path, *, among: Path | None = None) -> Opened:
    """Open a file or folder below a folder.

    Parameters
    ----------
    folder
        A folder that only the administrator moves or replaces.
    path
        What is opened; links may be in it that lead to what is below.
    among
        A folder below `folder`, below which it must be; links may be in it.

    Raises
    ------
    LeadsOut
        If it is not below, or neither a file nor a folder.
    OSError
        If it is not there, or cannot be read.
    """
    folder, found = real(folder), real(path)
    limits = (folder,) if among is None else (folder, real(among))
    if not all(map(found.is_relative_to, limits)) or not limits[-1].is_relative_to(folder):
        raise _leads_out(path)
    start = os.open(folder, _PASS)
    try:
        return Opened(found, _walk(start, found.relative_to(folder).parts))
    finally:
        os.close(start)


def open_in(folder: Opened, name: str) -> Opened:
    """Open a file or folder in one that is open; raises what :func:`open_below` does."""
    path = Path(name)
    if not path.is_absolute() and ".." not in path.parts:
        try:
            return Opened(folder.path / path, _walk(folder.descriptor, path.parts))
        except OSError as error:
            if error.errno not in _LINKS:
                raise
    found = real(folder.path / path)
    if not found.is_relative_to(folder.path):
        raise _leads_out(found)
    return Opened(found, _walk(folder.descriptor, found.relative_to(folder.path).parts))


def _walk(start: int, names: Sequence[str]) -> int:
    """What has the last of some names in the folders that have the others."""
    *folders, last = names or (".",)
    current = os.dup(start)
    try:
        for name in folders:
            within = os.open(name, _PASS | os.O_NOFOLLOW, dir_fd=current)
            os.close(current)
            current = within
        # devices may do something as soon as they are opened
        _check_kind(os.stat(last, dir_fd=current, follow_symlinks=False), last)
        descriptor = os.open(last, _READ, dir_fd=current)
    finally:
        os.close(current)
    try:
        _check_kind(os.fstat(descriptor), last)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _check_kind(status: os.stat_result, name: str) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name)
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise _leads_out(name)


def _leads_out(path: Path | str) -> LeadsOut:
    return LeadsOut(errno.EXDEV, os.strerror(errno.EXDEV), os.fspath(path))
