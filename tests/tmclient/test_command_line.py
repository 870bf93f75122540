"""``tm_client`` against the running product."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.services.installation import PASSWORD, USER, Installation
from tests.services.postgresql import free_port
from tmclient.command_line import cli
from tmlib.jterator.project import Project
from tmlib.jterator.projects.nuclei_and_cells import nuclei_and_cells
from tmlib.sample import simulate_plate

TmClientCommand = Callable[..., Result]


@pytest.fixture
def tm_client(installation: Installation) -> TmClientCommand:
    """Runs ``tm_client`` as the tests' user, and expects success unless told otherwise."""

    def run(*arguments: object, exit_code: int = 0, password: str = PASSWORD) -> Result:
        words = ["--host", installation.url, "--user", USER, *map(str, arguments)]
        result = CliRunner().invoke(cli, words, env={"TM_PASSWORD": password})
        assert result.exit_code == exit_code, result.output
        return result

    return run


def test_the_main_job_from_the_command_line(tm_client: TmClientCommand, tmp_path: Path) -> None:
    images, projects = tmp_path / "images", tmp_path / "project"
    simulate_plate(images, wells=["B02"], rows=1, columns=1, height=128, width=128)
    nuclei_and_cells("1", "2").to_directory(projects)
    experiment = ("-e", "from the command line")
    tm_client("experiment", "create", "-n", experiment[1], "--plate-format", 96)
    tm_client("plate", *experiment, "create", "-n", "p 1")
    tm_client("acquisition", *experiment, "create", "-p", "p 1", "-n", "a 1")
    place = ("-p", "p 1", "-a", "a 1")
    sent = tm_client("microscope-file", *experiment, "upload", *place, images)
    assert "4 files sent, 0 were there, 0 skipped" in sent.output
    again = tm_client("microscope-file", *experiment, "upload", *place, images)
    assert "0 files sent, 4 were there, 0 skipped" in again.output
    assert tm_client("microscope-file", *experiment, "ls", *place).output.count("COMPLETE") == 4

    tm_client("jtproject", *experiment, "upload", "--directory", projects)
    copy = tmp_path / "copy"
    tm_client("jtproject", *experiment, "download", "--directory", copy)
    assert Project.from_directory(copy) == Project.from_directory(projects)
    description = tmp_path / "workflow.yaml"
    tm_client("workflow", *experiment, "download", "--file", description)
    tm_client("workflow", *experiment, "upload", "--file", description)
    tm_client("workflow", *experiment, "submit")
    watched = tm_client("workflow", *experiment, "status", "--watch")
    assert "jterator" in watched.output
    status = tm_client("workflow", *experiment, "status").output
    assert status.count("TERMINATED") == 1 + 4 + 6
    tm_client("workflow", *experiment, "log", "-s", "imextract", "-n", "imextract_run_0000001")

    assert "1" in tm_client("channel", *experiment, "ls").output
    assert "Nuclei" in tm_client("object-type", *experiment, "ls").output
    assert "Morphology" in tm_client("feature", *experiment, "ls", "-o", "Nuclei").output
    values = tm_client(
        "feature-values", *experiment, "download", "-o", "Nuclei", "--directory", tmp_path
    )
    files = [Path(line) for line in values.output.splitlines()]
    assert [file.name.rpartition("_")[2] for file in files] == [
        "feature-values.csv",
        "metadata.csv",
    ]
    for file in files:
        assert file.parent == tmp_path
        assert file.read_text().startswith("mapobject_id,")

    tm_client("experiment", "rm", "-n", experiment[1])
    assert experiment[1] not in tm_client("experiment", "ls").output


def test_names_can_be_changed(tm_client: TmClientCommand) -> None:
    tm_client("experiment", "create", "-n", "old")
    tm_client("experiment", "rename", "-n", "old", "--new-name", "new")
    tm_client("plate", "-e", "new", "create", "-n", "p")
    tm_client("plate", "-e", "new", "rename", "-n", "p", "--new-name", "q")
    tm_client("acquisition", "-e", "new", "create", "-p", "q", "-n", "a")
    tm_client("acquisition", "-e", "new", "rename", "-p", "q", "-n", "a", "--new-name", "b")
    listed = tm_client("acquisition", "-e", "new", "ls", "-p", "q").output
    assert "| b" in listed
    tm_client("acquisition", "-e", "new", "rm", "-p", "q", "-n", "b")
    tm_client("plate", "-e", "new", "rm", "-n", "q")
    assert "q" not in tm_client("plate", "-e", "new", "ls").output.splitlines()[-1]
    tm_client("experiment", "rm", "-n", "new")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plate", "-e", "nowhere", "ls"], 'There is no experiment "nowhere".'),
        (["experiment", "create", "-n", "x", "--workflow-type", "odd"], "canonical"),
        (["experiment", "create", "-n", "x", "--microscope-type", "odd"], '"odd"'),
    ],
)
def test_mistakes_are_one_sentence(
    tm_client: TmClientCommand, arguments: list[str], message: str
) -> None:
    result = tm_client(*arguments, exit_code=1)
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_wrong_password_is_named(tm_client: TmClientCommand) -> None:
    result = tm_client("experiment", "ls", exit_code=1, password="wrong")
    assert "user name or the password is wrong" in result.stderr


def test_no_server_is_named() -> None:
    words = ["--port", str(free_port()), "--user", "ada", "--password", "x", "experiment", "ls"]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 1
    assert "No server answers at http://localhost" in result.stderr


def test_passwords_come_from_a_file_that_is_ones_own(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("TM_PASSWORD", raising=False)
    file = tmp_path / ".tm_pass"
    file.write_text(f"{USER}: {PASSWORD}\n")
    words = ["--host", installation.url, "--user", USER, "experiment", "ls"]
    file.chmod(0o644)
    refused = CliRunner().invoke(cli, words)
    assert refused.exit_code == 1
    assert "chmod 600" in refused.stderr
    file.chmod(0o600)
    assert CliRunner().invoke(cli, words).exit_code == 0
