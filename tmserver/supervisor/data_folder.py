"""One server for a data folder: what holds it, and what is said to a second one."""

import fcntl
import os
import time
from pathlib import Path
from typing import IO

from tmlib.errors import Conflict

_REMAINS_SECONDS = 30.0
_LOOK_SECONDS = 0.1


def claim(folder: Path, url: str, patience: float = _REMAINS_SECONDS) -> IO[str]:
    """Claim a data folder for one supervisor, and for all that inherits the file.

    What a killed supervisor has started ends a moment later; it is waited for.

    Parameters
    ----------
    folder
        The data folder.
    url
        Where the server will be, for others to be told.
    patience
        How long to wait for what an earlier supervisor has left, in seconds.

    Returns
    -------
    file
        Holds the folder until every process that has it open has closed it.

    Raises
    ------
    Conflict
        If a server has the folder.
    """
    path = _path(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+")
    deadline = time.monotonic() + patience
    while not _lock(file):
        if _is_alive(path) or time.monotonic() > deadline:
            file.close()
            raise _conflict(folder)
        time.sleep(_LOOK_SECONDS)
    file.truncate(0)
    file.write(f"{os.getpid()} {url}\n")
    file.flush()
    return file


def check_unused(folder: Path) -> None:
    """Make sure that no server has a data folder, without making anything there.

    Raises
    ------
    Conflict
        If one has it.
    """
    if _is_alive(_path(folder)):
        with _path(folder).open() as file:
            if not _lock(file):
                raise _conflict(folder)


def _path(folder: Path) -> Path:
    return folder / "run" / "supervisor.lock"


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _holder(path: Path) -> tuple[int, str] | None:
    """Number and address of the supervisor that has the folder, or had it last."""
    try:
        number, url = path.read_text().split()
        return int(number), url
    except (OSError, ValueError):
        return None


def _is_alive(path: Path) -> bool:
    holder = _holder(path)
    if holder is None:
        return False
    try:
        os.kill(holder[0], 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _conflict(folder: Path) -> Conflict:
    holder = _holder(_path(folder))
    where = "" if holder is None else f" (process {holder[0]}, at {holder[1]})"
    return Conflict(
        f'The data folder "{folder}" is in use by another `tm serve` or `tm demo`{where}: use that '
        "server, stop it with Ctrl-C, or choose another folder with TM_DATA_DIR."
    )
