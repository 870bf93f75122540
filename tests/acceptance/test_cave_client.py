"""An experiment is annotated with the client that CAVE published, unmodified, and with our own."""

import json
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from click.testing import CliRunner

from tests.services import cave_client, cloud_volume, environments, neuroglancer
from tests.services.browser import browser_page
from tests.services.installation import PASSWORD, USER, Installation
from tmclient.command_line import cli
from tmclient.errors import RequestError
from tmlib.ids import decode_id

SESSION = Path(__file__).with_name("cave_session.py")
READING = Path(__file__).with_name("cloud_volume_session.py")

POINTING = {
    "properties": {
        "pt": {"$ref": "#/definitions/BoundSpatialPoint"},
        "tag": {"type": "string"},
        "target_id": {"type": "integer"},
    },
    "required": ["pt", "tag", "target_id"],
}

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


def test_points_are_read_by_link(installation: Installation, pytestconfig: pytest.Config) -> None:
    python = cloud_volume.python(pytestconfig)
    with installation.client("seen by other programs") as client:
        client.experiments.create("canonical", "cellvoyager", 96, "basic")
        size = {"voxel_resolution": [325, 325, 1000]}
        client.annotation_tables.add_schema("pointing", POINTING)
        client.annotation_tables.create("targets", "bound_tag", **size)
        point = {"pt": {"position": [0, 0, 0]}}
        client.annotations.add("targets", [{**point, "tag": "all"}])
        client.annotation_tables.create("cells", "pointing", reference_table="targets", **size)
        rows = [
            {
                "pt": {"position": [n, 2 * n, 0]},
                "tag": "odd" if n % 2 else "even",
                "target_id": 1,
            }
            for n in range(1, 5001)
        ]
        client.annotations.add("cells", rows)
        link = client.annotation_tables.link("cells", seconds=600)
        environments.run(python, READING, link["source"], len(rows))
        client.experiments.delete()


def test_neuroglancer_shows_points_of_a_link(
    installation: Installation, pytestconfig: pytest.Config
) -> None:
    with installation.client("seen in Neuroglancer") as client:
        client.experiments.create("canonical", "cellvoyager", 96, "basic")
        sizes = [325, 325, 1000]
        client.annotation_tables.create("cells", "bound_tag", voxel_resolution=sizes)
        places = [[10 * n, 5 * n, 0] for n in range(100)]
        rows = [{"pt": {"position": place}, "tag": "seen"} for place in places]
        client.annotations.add("cells", rows)
        source = client.annotation_tables.link("cells", seconds=600)["source"]
        state = {
            "dimensions": {
                axis: [size * 1e-9, "m"] for axis, size in zip("xyz", sizes, strict=True)
            },
            "position": [500, 250, 0],
            "crossSectionScale": 1,
            "layout": "xy",
            "layers": [
                {"type": "annotation", "name": "a", "source": source, "annotationColor": "#00ffff"}
            ],
        }
        with neuroglancer.served(pytestconfig) as address, browser_page() as page:
            page.goto(f"{address}/#!{quote(json.dumps(state))}")
            neuroglancer.wait_until_drawn(page)
            assert sorted(page.evaluate("neuroglancer.points('a')")) == places
            seen = (neuroglancer.picture(page) == [0, 255, 255]).all(axis=2)
        columns = np.flatnonzero(seen.any(axis=0))
        # the first one and the last one are so many pixels of the screen from each other
        assert columns.max() - columns.min() == pytest.approx(990, abs=10)
        client.experiments.delete()


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
        nothing = client.annotations.get("cells", ids=[])
        assert (list(nothing), len(nothing)) == (list(found), 0)
        with pytest.raises(RequestError, match="four or six numbers"):
            client.annotations.get("cells", box=[])
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
        run("create", "-n", "copy", "-s", "bound_tag", *sizes)
        sheet = tmp_path / "cells.csv"
        assert "998 rows" in run("import", "-n", "copy", "--file", str(sheet), "--wait")
        assert "done" in run("imports", "-n", "copy")
        copied = client.annotations.get("copy")
        assert list(copied["tag"]) == list(client.annotations.get("cells")["tag"])
        run("rm", "-n", "others")
        assert "others" not in run("ls")
        client.experiments.delete()
