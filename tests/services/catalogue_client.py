"""Versions of the Python client of the CryoET Data Portal: the newest, an old one, and others."""

from pathlib import Path

import pytest

from tests.services import environments

VERSIONS = ("4.9.0", "4.4.0")
BETWEEN = ("4.8.0", "4.7.0", "4.6.1", "4.5.0", "4.4.1")


def python(config: pytest.Config, version: str) -> Path:
    """An interpreter with a version of the client, kept for later runs of the tests."""
    requirements = [f"cryoet-data-portal=={version}"]
    return environments.python_with(config, f"cryoet-data-portal-{version}", requirements)
