"""The viewer's types of requests and answers are those of the server."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
GENERATOR = ROOT / "tmserver" / "viewer" / "node_modules" / "openapi-typescript"


@pytest.mark.slow
@pytest.mark.skipif(not GENERATOR.is_dir(), reason="openapi-typescript is missing: run make setup")
def test_they_are_made_from_the_present_document() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "api_types.py"), "--check"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, f"Run make types.\n{checked.stdout}{checked.stderr}"
