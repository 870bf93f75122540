"""The client that CAVE published."""

from pathlib import Path

import pytest

from tests.services import environments

VERSION = "8.2.1"
REQUIREMENTS = (f"caveclient=={VERSION}",)


def python(config: pytest.Config) -> Path:
    """An interpreter with the published client, kept for later runs of the tests."""
    return environments.python_with(config, f"caveclient-{VERSION}", REQUIREMENTS)
