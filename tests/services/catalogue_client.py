"""The Python client of the CryoET Data Portal, its newest version and an old one."""

from pathlib import Path

import pytest

from tests.services import environments

VERSIONS = ("4.9.0", "4.4.0")


def python(config: pytest.Config, version: str) -> Path:
    """An interpreter with a version of the client, kept for later runs of the tests."""
    requirements = [f"cryoet-data-portal=={version}"]
    return environments.python_with(config, f"cryoet-data-portal-{version}", requirements)
