"""The client that CAVE published annotates an experiment on this server, unmodified."""

from pathlib import Path

import pytest

from tests.services import cave_client, environments
from tests.services.installation import Installation
from tmlib.ids import decode_id

SESSION = Path(__file__).with_name("cave_session.py")

# the first run also installs the client
pytestmark = pytest.mark.timeout(900)


def test_the_client_of_cave(
    installation: Installation, pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    python = cave_client.python(pytestconfig)
    name = "Colon cells, 3rd"
    with installation.client(name) as client:
        client.experiments.create("canonical", "cellvoyager", 96, "basic")
        tokens = [
            client.tokens.create(f"cave {scope}", scope=scope, form="hexadecimal")["token"]
            for scope in ("write", "read")
        ]
        datastack = f"colon_cells_3rd_{decode_id(client.experiment_id)}"
        environments.run(python, SESSION, installation.url, *tokens, datastack, tmp_path)
        client.experiments.delete()
        for scope in ("write", "read"):
            client.tokens.delete(f"cave {scope}")
