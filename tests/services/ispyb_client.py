"""The client that was published for py-ISPyB."""

from pathlib import Path

import pytest

from tests.services import environments

VERSION = "1.0.0"
REQUIREMENTS = (f"ispyb-client=={VERSION}", "setuptools<81")  # the client asks for its parts


def python(config: pytest.Config) -> Path:
    """An interpreter with the published client, kept for later runs of the tests."""
    return environments.python_with(config, f"ispyb-client-{VERSION}", REQUIREMENTS)
