"""The client that TissueMAPS published, in an environment of its own."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

VERSION = "0.3.3"
REQUIREMENTS = (
    f"tmclient=={VERSION}",
    # what it asks for without a limit, within what is known to work
    "opencv-contrib-python>=4.10,<6",
    "pandas>=2.2,<4",
    "prettytable>=3,<4",
    "pyyaml>=6,<7",
    "requests>=2.32,<3",
    # it imports cgi, which left the standard library
    "legacy-cgi>=2.6; python_version >= '3.13'",
)
_UNREACHABLE = ("connection broken by", "NewConnectionError", "NameResolutionError")


class RegistryUnreachable(Exception):  # noqa: N818 - reads as what it is
    """The packages cannot be installed because nothing answers where they come from."""


def python_of(folder: Path) -> Path:
    """The interpreter of an environment with the published client.

    The environment is made once and found again by later runs.

    Parameters
    ----------
    folder
        Where the environment is, or will be.

    Raises
    ------
    RegistryUnreachable
        If there is no way to the packages.
    RuntimeError
        If they cannot be installed for another reason.
    """
    python = folder / "environment" / "bin" / "python"
    installed = folder / "installed"
    wanted = "\n".join((sys.version, *REQUIREMENTS))
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not installed.is_file() or installed.read_text() != wanted:
            _install(python)
            installed.write_text(wanted)
    return python


def run(python: Path, script: Path, *arguments: object) -> None:
    """Run a script with the published client; what it prints is told if it fails.

    Raises
    ------
    RuntimeError
        If it fails.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TM_", "PYTHON")) and not name.lower().endswith("_proxy")
    }
    command = [python, "-W", "ignore", script, *map(str, arguments)]
    outcome = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=240
    )
    if outcome.returncode:
        raise RuntimeError(f"{script.name} failed:\n{outcome.stdout}\n{outcome.stderr}")


def _install(python: Path) -> None:
    folder = python.parent.parent
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    outcome = subprocess.run(
        [*command, "--retries", "2", *REQUIREMENTS], capture_output=True, text=True, check=False
    )
    if outcome.returncode:
        if any(word in outcome.stderr for word in _UNREACHABLE):
            raise RegistryUnreachable("The registry of Python packages cannot be reached.")
        raise RuntimeError(f"tmclient {VERSION} cannot be installed:\n{outcome.stderr}")
