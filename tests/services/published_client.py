"""The client that TissueMAPS published."""

from pathlib import Path

import pytest

from tests.services import environments

VERSION = "0.3.3"
CLIENT = f"tmclient=={VERSION}"
REQUIREMENTS = (
    # what it asks for without a limit, within what is known to work; in the form that needs no
    # libraries of a screen, which not all machines have
    "opencv-contrib-python-headless>=4.10,<6",
    "pandas>=2.2,<4",
    "prettytable>=3,<4",
    "pyyaml>=6,<7",
    "requests>=2.32,<3",
    # it imports cgi, which left the standard library
    "legacy-cgi>=2.6; python_version >= '3.13'",
)


def python(config: pytest.Config) -> Path:
    """An interpreter with the published client, kept for later runs of the tests."""
    return environments.python_with(config, f"tmclient-{VERSION}", REQUIREMENTS, [CLIENT])
