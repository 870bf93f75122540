"""Processes whose clock is not that of the machine, as on another one that is set wrongly."""

import os
from pathlib import Path

_FOLDER = Path(__file__).with_name("shifted_clock")


def shifted_clock(seconds: float) -> dict[str, str]:
    """Environment of Python processes whose clock is ahead, or behind if negative."""
    paths = [str(_FOLDER), os.environ.get("PYTHONPATH", "")]
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "CLOCK_AHEAD_SECONDS": str(seconds),
    }
