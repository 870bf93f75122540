"""A disk that is small enough to be filled."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NoSmallDisk(Exception):  # noqa: N818 - reads as what it is
    """This machine allows no further disk; the message says why."""


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Put a disk of this size, kept in memory, into a folder for as long as the context lasts."""
    folder.mkdir()
    if os.geteuid() != 0:
        raise NoSmallDisk("only root can make a disk that is small enough to be filled")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    outcome = subprocess.run(mount, capture_output=True, text=True, check=False)
    if outcome.returncode:
        raise NoSmallDisk(f"this machine allows no further disk: {outcome.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
