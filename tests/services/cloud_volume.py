"""CloudVolume, which reads the precomputed formats of Neuroglancer."""

from pathlib import Path

import pytest

from tests.services import environments

VERSION = "12.15.2"
REQUIREMENTS = (f"cloud-volume=={VERSION}", "pandas")


def python(config: pytest.Config) -> Path:
    """An interpreter with the package, kept for later runs of the tests."""
    return environments.python_with(config, f"cloud-volume-{VERSION}", REQUIREMENTS)
