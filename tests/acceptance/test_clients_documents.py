"""What the documents for users of clients show can be typed, in the order in which they show it."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services.installation import Installation, await_removal
from tmlib.accounts import service
from tmlib.db import Database
from tmlib.jterator.projects.nuclei_and_cells import nuclei_and_cells
from tmlib.sample import simulate_plate

DOCS = Path(__file__).parents[2] / "docs"
ADDRESS = "http://localhost:5002"
USER, PASSWORD = "ada", "a long password"

needs_programs = pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("jq")) and not os.environ.get("CI"),
    reason="curl and jq are not installed",
)


@pytest.fixture
def user(installation: Installation) -> Iterator[None]:
    """The user of the documents."""
    database = Database(installation.database_url)
    with database.transaction() as session:
        service.create_user(session, USER, PASSWORD, "ada@example.org")
    yield
    await_removal(database)
    with database.transaction() as session:
        session.delete(service.find_user(session, USER))
    database.close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the documents' reader is: images and a pipeline lie there."""
    plate = simulate_plate(
        tmp_path / "simulated", wells=["B02"], rows=1, columns=2, height=256, width=256
    )
    folder = tmp_path / "here"
    (folder / "images").mkdir(parents=True)
    for file in (*plate.image_files, *plate.metadata_files):
        shutil.copy(file, folder / "images")
    project = nuclei_and_cells("1", "2")
    project.to_directory(folder / "pipeline")
    (folder / "pipeline.json").write_text(json.dumps(project.to_dict()))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    return folder


def run_shell(examples: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Type all examples into one shell; what it exports is there for others afterwards."""
    script = folder / "examples.sh"
    script.write_text("\n".join(["set -euo pipefail", *examples, "env -0 > environment"]))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    outcome = subprocess.run(
        ["bash", script],
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    for line in (folder / "environment").read_text().rstrip("\0").split("\0"):
        monkeypatch.setenv(*line.split("=", 1))


def run_python(examples: list[str]) -> dict[str, Any]:
    """Run all examples one after the other, and return the variables that they leave."""
    variables: dict[str, Any] = {}
    for number, example in enumerate(examples, start=1):
        exec(compile(example, f"example {number}", "exec"), variables)  # noqa: S102 - to show that they run
    return variables


def examples(document: str, language: str, url: str) -> list[str]:
    text = (DOCS / document).read_text(encoding="utf-8").replace(ADDRESS, url)
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", text, re.S)
    return found


@needs_programs
def test_the_guide_for_authors_of_clients(
    installation: Installation, user: None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = examples("client-authors.md", "sh", installation.url)
    python = examples("client-authors.md", "python", installation.url)
    run_shell(shell, folder, monkeypatch)
    assert json.loads((folder / "error.json").read_text())["error"]["status_code"] == 404
    assert (folder / "tile.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "tile.jpg").read_bytes().startswith(b"\xff\xd8")
    assert (folder / "values.csv").read_text().startswith("mapobject_id,")
    variables = run_python(python)
    variables["session"].close()
    with installation.client("guide") as client:
        assert "guide" not in [experiment["name"] for experiment in client.get_experiments()]


def test_the_guide_for_users_of_the_client(
    installation: Installation, user: None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = run_python(examples("client.md", "python", installation.url))
    client = variables["client"]
    assert variables["n_objects"] == len(variables["values"])
    assert variables["labels"].max() > 0
    assert len(client.download_feature_values("Large nuclei")) == len(variables["numbers"])
    run_shell(examples("client.md", "sh", installation.url), folder, monkeypatch)
    assert (folder / "map.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "nuclei.parquet").read_bytes().startswith(b"PAR1")
    for experiment in ("my screen", "from the shell"):
        client.experiment_name = experiment
        client.delete_experiment()
    client.close()
