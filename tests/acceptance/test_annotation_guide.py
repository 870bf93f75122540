"""What the guide to annotation tables shows can be typed."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import make_url

from tests.acceptance.sample import Finished
from tests.services import cave_client, environments
from tests.services.installation import PASSWORD, USER, Installation
from tmclient import TmClient
from tmclient.command_line import cli
from tmlib.ids import decode_id

GUIDE = (Path(__file__).parents[2] / "docs" / "annotations.md").read_text("utf-8")
EXPERIMENT = "Colon cells"

# the first run also installs the client of CAVE
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def client(finished: Finished) -> Iterator[TmClient]:
    """A client of an experiment with cells, which has nothing more when the test ends."""
    client = finished.client
    yield client
    for table in client.annotation_tables.list():
        if not table["name"].startswith("mapobjects_"):
            client.annotation_tables.delete(table["name"])
    for result in client.get_tool_results():
        client.delete_tool_result(result["name"])
    for model in client.get_tool_models():
        client.delete_tool_model(model["name"])


def examples(language: str, *words: str) -> list[str]:
    """The examples that have all of the words."""
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", GUIDE, re.S)
    chosen = [one for one in found if all(word in one for word in words)]
    assert chosen, words
    return chosen


def run(example: str, **variables: Any) -> dict[str, Any]:
    """Run an example with the variables that the guide takes for known, and return all."""
    exec(compile(example, "the guide", "exec"), variables)  # noqa: S102 - to show that it runs
    return variables


def type_command(line: str, installation: Installation, experiment: str) -> str:
    """Type a command for this server, and return what it prints."""
    words = [experiment if word == EXPERIMENT else word for word in shlex.split(line)[1:]]
    if "-H" in words:
        words = words[4:]
    login = ["-H", installation.url, "-u", USER, "-p", PASSWORD]
    result = CliRunner().invoke(cli, [*login, *words])
    assert result.exit_code == 0, result.output
    return result.output


def test_in_the_tools(client: TmClient) -> None:
    pages = client.iterate_table("Cells", columns=["mapobject_id"])
    cells = [number for page in pages for number in page["mapobject_id"].tolist()]
    training, saving = *examples("python", "training_table"), *examples("python", "save_as_table")
    variables = run(training, client=client, mitotic=cells[:4], resting=cells[-4:])
    run(saving, client=client, result=variables["result"])
    assert (
        len(client.annotations.get("predicted_phases"))
        == variables["result"]["attributes"]["n_objects"]
    )


def test_with_the_client_and_the_command_line(
    client: TmClient,
    installation: Installation,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "others.csv").write_text("pt_x,pt_y,pt_z,tag\n3,4,0,prophase\n")
    name = client.experiment_name or ""
    address = make_url(installation.url)
    [schema] = examples("json", "spindle_length")
    assert client.annotation_tables.add_schema("spindles", json.loads(schema))
    [example] = examples("python", "TmClient")
    login = (
        f'TmClient("127.0.0.1", {address.port}, "{USER}", "{PASSWORD}", experiment_name="{name}")'
    )
    example, n_changed = re.subn(r"TmClient\(\".*?\)", login, example)
    assert n_changed == 1
    variables = run(example)
    assert variables["here"]["tag"].tolist() == ["telophase"]
    assert len(variables["late"]) == 1
    assert (tmp_path / "mitoses.parquet").read_bytes().startswith(b"PAR1")
    [linking] = examples("python", "annotation_tables.link")
    assert run(linking, client=client)["link"]["source"].startswith("precomputed://")
    commands = re.findall(r"^    (tm_client annotation-table .+)$", GUIDE, re.M)
    assert len(commands) == 3
    for command in commands:
        type_command(command, installation, name)
    assert client.annotations.get("others")["tag"].tolist() == ["prophase"]
    assert json.loads((tmp_path / "mitoses.geojson").read_text())["features"]


def test_with_the_client_of_cave(
    installation: Installation, pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    python = cave_client.python(pytestconfig)
    [making] = re.findall(r"^    (tm_client .* token create .+)$", GUIDE, re.M)
    [entering], [querying] = (
        examples("python", "import CAVEclient"),
        examples("python", "query_table"),
    )
    with installation.client(EXPERIMENT) as client:
        client.experiments.create("canonical", "cellvoyager", 96, "basic")
        token = type_command(making, installation, EXPERIMENT).split()[-1]
        there = {
            "colon_cells_17": f"colon_cells_{decode_id(client.experiment_id)}",
            "https://tm.lab.example": installation.url,
            "3f0c8a52...": token,
        }
        for word, real in there.items():
            assert entering.count(word) == 1
            entering = entering.replace(word, real)
        beginning, _, _ = entering.partition("cave.annotation.")
        for number, example in enumerate((entering, beginning + querying)):
            script = tmp_path / f"example_{number}.py"
            home = f"import os\nos.environ['HOME'] = {str(tmp_path)!r}\n"
            told = "\nassert len(late) == len(here) == len(now) == 1\n" if number else ""
            script.write_text(home + example + told)
            environments.run(python, script)
            client.annotation_snapshots.take("before the review")
        client.experiments.delete()
        client.tokens.delete("caveclient")
