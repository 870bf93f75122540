"""Python environments of their own, for programs that need other packages than the tests."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

_UNREACHABLE = ("connection broken by", "NewConnectionError", "NameResolutionError")


class RegistryUnreachable(Exception):  # noqa: N818 - reads as what it is
    """The packages cannot be installed because nothing answers where they come from."""


def python_with(
    config: pytest.Config, name: str, requirements: Sequence[str], alone: Sequence[str] = ()
) -> Path:
    """The interpreter of an environment with some packages, kept for later runs of the tests.

    The test is skipped if there is no way to the packages; where everything must run, it fails.

    Parameters
    ----------
    config
        Whose cache keeps the environment.
    name
        Of the environment.
    requirements
        Packages that are installed with all that they need.
    alone
        Packages that are installed without what they say they need.
    """
    folder = config.cache.mkdir(name)
    return or_skip(lambda: _python_of(folder, requirements, alone))


def or_skip(install: Callable[[], Path]) -> Path:
    """What is installed; the test is skipped without a registry, and fails where all must run."""
    try:
        return install()
    except RegistryUnreachable as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


def run(python: Path, script: Path, *arguments: object) -> None:
    """Run a script in an environment; what it prints is told if it fails.

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
    command: list[str | Path] = [python, "-W", "ignore", script, *map(str, arguments)]
    outcome = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=240
    )
    if outcome.returncode:
        raise RuntimeError(f"{script.name} failed:\n{outcome.stdout}\n{outcome.stderr}")


def _python_of(folder: Path, requirements: Sequence[str], alone: Sequence[str]) -> Path:
    python = folder / "environment" / "bin" / "python"
    installed = folder / "installed"
    wanted = "\n".join((sys.version, *requirements, *alone))
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not installed.is_file() or installed.read_text() != wanted:
            environment = python.parent.parent
            subprocess.run(
                [sys.executable, "-m", "venv", "--without-pip", "--clear", environment], check=True
            )
            if alone:
                _install(python, "--no-deps", *alone)
            _install(python, *requirements)
            installed.write_text(wanted)
    return python


def _install(python: Path, *arguments: str) -> None:
    # uv takes a tenth of the time, but knows nothing of where pip is told to look
    uv: list[str | Path] = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "--quiet",
        "--python",
        python,
    ]
    if subprocess.run([*uv, *arguments], capture_output=True, check=False).returncode == 0:
        return
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--quiet",
        "--retries",
        "2",
    ]
    outcome = subprocess.run([*pip, *arguments], capture_output=True, text=True, check=False)
    if outcome.returncode:
        if any(word in outcome.stderr for word in _UNREACHABLE):
            raise RegistryUnreachable("The registry of Python packages cannot be reached.")
        raise RuntimeError(f"{' '.join(arguments)} cannot be installed:\n{outcome.stderr}")
