"""An experiment is annotated with the client that CAVE published, unmodified, and with our own."""

from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.services import cave_client, environments
from tests.services.installation import PASSWORD, USER, Installation
from tmclient.command_line import cli
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
            client.tokens.create_hexadecimal(f"cave {scope}", scope=scope)["token"]
            for scope in ("write", "read")
        ]
        datastack = f"colon_cells_3rd_{decode_id(client.experiment_id)}"
        environments.run(python, SESSION, installation.url, *tokens, datastack, tmp_path)
        client.experiments.delete()
        for scope in ("write", "read"):
            client.tokens.delete(f"cave {scope}")


def test_the_client_of_the_product(installation: Installation, tmp_path: Path) -> None:
    name = "annotated by the client"
    with installation.client(name) as client:
        client.experiments.create("canonical", "cellvoyager", 96, "basic")
        size = {"voxel_resolution": [325, 325, 1000]}
        client.annotation_tables.create("cells", "bound_tag", description="all", **size)
        rows = [{"pt": {"position": [n, 2 * n, 0]}, "tag": str(n)} for n in range(1000)]
        numbers = client.annotations.add("cells", rows)
        first = datetime.fromisoformat(client.annotation_tables.get("cells")["changed_at"])
        snapshot = client.annotation_snapshots.take("first")
        changed = client.annotations.update("cells", [{"id": numbers[3], "tag": "three"}])
        assert client.annotations.delete("cells", numbers[4:6]) == numbers[4:6]
        found = client.annotations.get("cells", ids=[*numbers, *changed.values()])
        assert len(found) == 998
        assert list(found["tag"][-1:]) == ["three"]
        assert len(client.annotations.get("cells", as_of=first)) == 1000
        assert client.annotation_snapshots.list() == [snapshot]
        then = datetime.fromisoformat(snapshot["created_at"])
        assert list(client.annotations.get("cells", as_of=then)["tag"][3:5]) == ["3", "4"]
        assert list(client.annotations.get("cells", box=[0, 0, 2, 9])["pt_y"]) == [0, 2, 4]
        where = [{"field": "tag", "comparison": "in", "value": ["7", "three"]}]
        assert len(client.annotations.get("cells", where=where, limit=5)) == 2
        states = client.annotations.get_history("cells", numbers[3])
        assert [state["values"]["tag"] for state in states] == ["3", "three"]
        client.annotation_tables.update("cells", notice="careful")
        [table] = client.annotation_tables.list()
        assert (table["notice"], table["n_rows"]) == ("careful", 1001)
        assert "bound_tag" in [one["name"] for one in client.annotation_tables.list_schemas()]

        def run(*words: str) -> str:
            login = ["-H", installation.url, "-u", USER, "-p", PASSWORD]
            result = CliRunner().invoke(cli, [*login, "annotation-table", "-e", name, *words])
            assert result.exit_code == 0, result.output
            return result.output

        sizes = ["--voxel-resolution", "325", "325", "1000"]
        run("create", "-n", "others", "-s", "synapse", *sizes)
        assert "others" in run("ls")
        run("download", "-n", "cells", "--file", str(tmp_path / "cells.csv"))
        assert len((tmp_path / "cells.csv").read_text().splitlines()) == 999
        run("rm", "-n", "others")
        assert "others" not in run("ls")
        client.experiments.delete()
