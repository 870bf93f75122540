"""``tm_client`` against the running product."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner, Result
from PIL import Image

from tests.services.installation import PASSWORD, USER, Installation, await_removal
from tests.services.postgresql import free_port
from tmclient.command_line import cli
from tmlib.accounts import service
from tmlib.db import Database
from tmlib.jterator.project import Project
from tmlib.jterator.projects.nuclei_and_cells import nuclei_and_cells
from tmlib.sample import simulate_plate

TmClientCommand = Callable[..., Result]
SIZE = 128
PNG = b"\x89PNG"


@pytest.fixture(scope="session")
def tm_client(installation: Installation) -> TmClientCommand:
    """Runs ``tm_client`` as the tests' user, and expects success unless told otherwise."""

    def run(*arguments: object, exit_code: int = 0, password: str = PASSWORD) -> Result:
        words = ["--host", installation.url, "--user", USER, *map(str, arguments)]
        result = CliRunner().invoke(cli, words, env={"TM_PASSWORD": password})
        assert result.exit_code == exit_code, result.output
        return result

    return run


@pytest.fixture(scope="session")
def of(
    tm_client: TmClientCommand, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """The option that names an experiment which was taken to its end from the command line."""
    folder = tmp_path_factory.mktemp("command line")
    plate = simulate_plate(
        folder / "simulated", wells=["B02"], rows=1, columns=1, height=SIZE, width=SIZE
    )
    projects, images = folder / "project", folder / "images"
    nuclei_and_cells("1", "2").to_directory(projects)
    images.mkdir()
    for file in (*plate.image_files, *plate.metadata_files):
        shutil.copy(file, images)
    experiment = ("-e", "from the command line")
    tm_client("experiment", "create", "-n", experiment[1], "--plate-format", 96)
    tm_client("plate", *experiment, "create", "-n", "p 1")
    tm_client("acquisition", *experiment, "create", "-p", "p 1", "-n", "a 1")
    place = ("-p", "p 1", "-a", "a 1")
    sent = tm_client("microscope-file", *experiment, "upload", *place, "--parallel", 2, images)
    assert "4 files sent, 0 were there, 0 skipped" in sent.output
    again = tm_client(
        "microscope-file", *experiment, "upload", *place, "--delete", "--directory", images
    )
    assert "0 files sent, 4 were there, 0 skipped" in again.output
    assert not list(images.iterdir())
    assert tm_client("microscope-file", *experiment, "ls", *place).output.count("COMPLETE") == 4

    tm_client("jtproject", *experiment, "upload", "--directory", projects)
    copy = folder / "copy"
    tm_client("jtproject", *experiment, "download", "--directory", copy)
    assert Project.from_directory(copy) == Project.from_directory(projects)
    description = folder / "workflow.yaml"
    tm_client("workflow", *experiment, "download", "--file", description)
    tm_client("workflow", *experiment, "upload", "--file", description)
    tm_client("workflow", *experiment, "submit")
    watched = tm_client("workflow", *experiment, "status", "--watch")
    assert "jterator" in watched.output
    yield experiment
    tm_client("experiment", "rm", "-n", experiment[1])
    assert experiment[1] not in tm_client("experiment", "ls").output


def test_the_workflow_and_its_jobs_are_shown(
    tm_client: TmClientCommand, of: tuple[str, str]
) -> None:
    status = tm_client("workflow", *of, "status").output
    assert status.count("TERMINATED") == 1 + 4 + 6
    assert status.splitlines()[1].split()[1:-1:2][:3] == ["ID", "Name", "Type"]
    tm_client("workflow", *of, "log", "-s", "imextract", "-n", "imextract_run_0000001")
    message = tm_client(
        "workflow", *of, "log", "-s", "imextract", "-n", "imextract_run_9", exit_code=1
    )
    assert 'Step "imextract" has no job "imextract_run_9".' in message.stderr
    assert "Nothing failed" in tm_client("workflow", *of, "retry", exit_code=1).stderr


def test_everything_is_listed(tm_client: TmClientCommand, of: tuple[str, str]) -> None:
    assert "| 1 " in tm_client("channel", *of, "ls").output
    assert "Nuclei" in tm_client("object-type", *of, "ls").output
    assert "Morphology" in tm_client("feature", *of, "ls", "-o", "Nuclei").output
    assert "1 x 1" in tm_client("well", *of, "ls", "-p", "p 1").output
    assert str(SIZE) in tm_client("site", *of, "ls", "-w", "B02").output
    assert "Heatmap" in tm_client("tools", *of, "available").output
    assert tm_client("channel", *of, "illumination").output.count("\n") == 4 + 2
    assert tm_client("site", *of, "shifts").output.count("\n") == 4


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ((), ["feature-values.csv", "metadata.csv"]),
        (("--per-well", "--parallel", 2), ["feature-values.csv", "metadata.csv"]),
        (("--profiles",), ["feature-values.csv"]),
    ],
)
def test_tables_are_written(
    tm_client: TmClientCommand,
    of: tuple[str, str],
    tmp_path: Path,
    options: tuple[object, ...],
    names: list[str],
) -> None:
    download = ("download", "-o", "Nuclei", "--directory", tmp_path / "tables", *options)
    values = tm_client("feature-values", *of, *download)
    files = [Path(line) for line in values.output.splitlines()]
    assert [file.name.rpartition("_")[2] for file in files] == names
    assert ("Metadata_well_name" in files[0].read_text()) == ("--profiles" in options)
    for file in files:
        assert file.parent == tmp_path / "tables"
        assert file.read_text().startswith("mapobject_id,")


def test_the_table_of_all_objects(
    tm_client: TmClientCommand, of: tuple[str, str], tmp_path: Path
) -> None:
    nuclei = ("-o", "Nuclei")

    def table(*words: object, exit_code: int = 0) -> Result:
        return tm_client("object-table", *of, *words, exit_code=exit_code)

    assert "Morphology_Area" in table("ls", *nuclei).output
    area = ("-c", "Morphology_Area")
    sort = ("--sort", "Morphology_Area", "--descending", "-n", 3)
    rows = table("download", *nuclei, "-c", "mapobject_id", *area, *sort).output.split()
    values = [float(row.split(",")[1]) for row in rows[1:]]
    assert rows[0] == "mapobject_id,Morphology_Area"
    assert len(values) == 3
    assert values == sorted(values, reverse=True)
    largest = ("--where", "Morphology_Area", values[0], "inf")
    groups = table("groups", *nuclei, *area, "--by", "plate", *largest).output.split("\n")
    assert groups[0].startswith("plate_name,n_objects,column,count,missing,mean")
    assert groups[1].startswith("p 1,1,Morphology_Area,1,0,")
    assert "--column" in table("groups", *nuclei, exit_code=1).stderr
    for form, ending in (("geojson", ".geojson"), ("h5ad", ".h5ad"), ("ome-zarr", ".zip")):
        place = ("-p", "p 1", "--directory", tmp_path)
        file = table("export", *nuclei, "--format", form, *place).output.strip()
        assert file.endswith(ending)
        assert Path(file).stat().st_size > 1000
    assert "--plate" in table("export", *nuclei, "--format", "ome-zarr", exit_code=1).stderr
    [outlines] = tmp_path.glob("*.geojson")
    copies = ("-o", "Copies of nuclei", "--filename", outlines)
    assert "0 were cut" in table("import", *copies).output
    tm_client("object-type", *of, "rm", "-n", "Copies of nuclei")


def test_images_and_labels_are_written(
    tm_client: TmClientCommand, of: tuple[str, str], tmp_path: Path
) -> None:
    site = ("-p", "p 1", "-w", "B02", "-x", 0, "-y", 0, "--directory", tmp_path)
    image = tm_client("channel-image", *of, "download", *site, "-c", 1, "--format", "tiff")
    assert tifffile.imread(image.output.strip()).shape == (SIZE, SIZE)
    labels = tm_client("segmentation", *of, "download", *site, "-o", "Nuclei")
    assert Path(labels.output.strip()).read_bytes().startswith(PNG)
    where = ("-x", 0, "-y", 0, "--level", 0)
    tile = tmp_path / "tile.jpg"
    tm_client("tile", *of, "image", *where, "-c", 1, "--file", tile)
    assert tile.read_bytes().startswith(b"\xff\xd8")
    objects = tmp_path / "tile.json"
    tm_client("tile", *of, "objects", *where, "-o", "Wells", "--file", objects)
    assert json.loads(objects.read_text())["type"] == "FeatureCollection"
    refused = tm_client("tile", *of, "image", *where, "-c", "9", "--file", tile, exit_code=1)
    assert 'no map of channel "9"' in refused.stderr
    nowhere = ("-p", "p 1", "-w", "B03", "-x", 0, "-y", 0)
    refused = tm_client("channel-image", *of, "download", *nowhere, "-c", 1, exit_code=1)
    assert '"B03"' in refused.stderr


def test_objects_of_ones_own_are_sent_and_shown(
    tm_client: TmClientCommand, of: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    site = ("-p", "p 1", "-w", "B02", "-x", 0, "-y", 0)
    labels = np.zeros((SIZE, SIZE), np.uint16)
    labels[20:40, 50:60] = 4
    Image.fromarray(labels).save("labels.png")
    Path("values.csv").write_text("object_number,hue\n4,0.5\n")
    tm_client("object-type", *of, "create", "-n", "Drawn")
    tm_client("segmentation", *of, "upload", *site, "-o", "Drawn", "--filename", "labels.png")
    tm_client("feature-values", *of, "upload", *site, "-o", "Drawn", "--filename", "values.csv")
    tm_client("object-type", *of, "rename", "-n", "Drawn", "--new-name", "Mine")
    tm_client("feature", *of, "rename", "-o", "Mine", "-n", "hue", "--new-name", "colour")
    values = tm_client("feature-values", *of, "download", "-o", "Mine").output.splitlines()[0]
    header, row = Path(values).read_text().split()
    assert header == "mapobject_id,colour"
    number = row.split(",")[0]
    shown = tm_client("mapobject", *of, "info", number).output
    assert [word for word in shown.splitlines()[3].split() if word != "|"] == [
        *(number, "Mine", "p", "1", "B02", "0", "0", "0", "0", "4")
    ]
    sheet = tm_client("mapobject", *of, "exhibit", number, "--margin", 5, "--columns", 1)
    with Image.open(sheet.output.strip()) as image:
        assert image.size == (10 + 2 * 5, 2 * (20 + 2 * 5) + 4)
    options = (
        "--channels",
        1,
        "--object-types",
        "Mine,Nuclei",
        "--file-name-format",
        "{label}.png",
    )
    tm_client("mapobject", *of, "exhibit", number, *options)
    assert Path("4.png").read_bytes().startswith(PNG)
    unknown = ("--file-name-format", "{label}.txt")
    refused = tm_client("mapobject", *of, "exhibit", number, *unknown, exit_code=1)
    assert "4.txt must end as pictures do" in refused.stderr
    tm_client("feature", *of, "rm", "-o", "Mine", "-n", "colour")
    tm_client("object-type", *of, "rm", "-n", "Mine")
    assert "Mine" not in tm_client("object-type", *of, "ls").output


def test_tools_are_asked(tm_client: TmClientCommand, of: tuple[str, str]) -> None:
    asked = ("--tool", "Heatmap", "-o", "Nuclei", "-f", "Morphology_Area")
    first, second = tm_client("tools", *of, "request", *asked, "--wait").output.splitlines()
    submission, name = first.split()[1], second.removeprefix("Result ")
    assert name in tm_client("tools", *of, "ls").output
    row = tm_client("tools", *of, "status", "--tool", "Heatmap").output.splitlines()[3]
    job = row.split("|")[2].strip()
    tm_client("tools", *of, "log", "--name", job, "--submission", submission)
    tm_client("tools", *of, "rename", "-n", name, "--new-name", "areas")
    save = ("tools", *of, "save-as-table", "-n", "areas", "--table", "areas", "--wait")
    assert tm_client(*save).output.splitlines()[1].endswith(" rows entered")
    assert "areas" in tm_client("annotation-table", *of, "ls").output
    assert "already exists" in tm_client(*save, exit_code=1).stderr
    tm_client("tools", *of, "rm", "-n", "areas")
    assert "areas" not in tm_client("tools", *of, "ls").output
    refused = tm_client("tools", *of, "request", "--tool", "Crystal ball", exit_code=1)
    assert "Crystal ball" in refused.stderr
    tm_client("tools", *of, "request", "--tool", "Heatmap", "--payload", "{", exit_code=2)


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


def test_without_a_terminal_the_missing_password_is_named(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    program = "from tmclient.command_line import main; main()"
    outcome = subprocess.run(
        [sys.executable, "-c", program, "--user", "ada", "experiment", "ls"],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )
    assert outcome.returncode == 1
    assert "Password of ada: there is no terminal" in outcome.stderr
    assert "TM_PASSWORD" in outcome.stderr
    assert "Warning" not in outcome.stderr


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


def test_a_token_comes_from_a_file_that_is_ones_own(
    installation: Installation, tm_client: TmClientCommand, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(tm_client("token", "create", "-n", "script", "--days", 1).output)
    words = ["--host", installation.url, "--token-file", str(file), "user", "show"]
    file.chmod(0o640)
    refused = CliRunner().invoke(cli, words)
    assert refused.exit_code == 1
    assert f"Others can read {file}" in refused.stderr
    file.chmod(0o600)
    assert USER in CliRunner().invoke(cli, words).output
    words[2:4] = []
    told = CliRunner().invoke(cli, words, env={"TM_TOKEN": file.read_text().strip()})
    assert USER in told.output
    assert "script" in tm_client("token", "ls").output
    tm_client("token", "rm", "-n", "script")
    ended = CliRunner().invoke(cli, words, env={"TM_TOKEN": file.read_text().strip()})
    assert ended.exit_code == 1
    assert "no such token" in ended.stderr


@pytest.fixture
def administrator(installation: Installation) -> Iterator[TmClientCommand]:
    """Runs ``tm_client`` as an administrator."""
    name, password = "root of the tests", "a password of nobody"
    database = Database(installation.database_url)
    with database.transaction() as session:
        service.create_user(session, name, password, "root@example.org", is_admin=True)

    def run(*words: str, answers: str = "") -> Result:
        arguments = ["--host", installation.url, "--user", name, *words]
        environment = {"TM_PASSWORD": password}
        result = CliRunner().invoke(cli, arguments, env=environment, input=answers)
        assert result.exit_code == 0, result.output
        return result

    yield run
    await_removal(database)
    with database.transaction() as session:
        for user in ("ben", name):
            session.delete(service.find_user(session, user))
    database.close()


def test_users_are_managed_and_experiments_shared(
    installation: Installation, administrator: TmClientCommand, tm_client: TmClientCommand
) -> None:
    passwords = "bens long password\n" * 2
    administrator("user", "create", "-n", "ben", "--email", "b@example.org", answers=passwords)
    assert "b@example.org" in administrator("user", "ls").output
    as_ben = ["--host", installation.url, "--user", "ben"]
    new = "another long password"
    answers = f"bens long password\nbens long password\n{new}\n{new}\n"
    changed = CliRunner().invoke(cli, [*as_ben, "user", "passwd"], input=answers)
    assert changed.exit_code == 0, changed.output
    tm_client("experiment", "create", "-n", "shared")
    of = ("-e", "shared")
    tm_client("share", *of, "add", "-n", "ben", "--permission", "write")
    assert "write" in tm_client("share", *of, "ls").output
    listed = CliRunner().invoke(cli, [*as_ben, "experiment", "ls"], env={"TM_PASSWORD": new})
    assert "shared" in listed.output
    tm_client("share", *of, "rm", "-n", "ben")
    assert "ben" not in tm_client("share", *of, "ls").output
    group = ("-n", "imaging")
    administrator("group", "create", *group, "--owner", "ben")
    administrator("group", "add", *group, "-m", USER, "--owner")
    assert "imaging" in tm_client("group", "ls").output
    assert "ben" in tm_client("group", "members", *group).output
    tm_client("share", *of, "add", *group, "--group", "--permission", "write")
    assert "imaging" in tm_client("share", *of, "ls").output
    listed = CliRunner().invoke(cli, [*as_ben, "experiment", "ls"], env={"TM_PASSWORD": new})
    assert "shared" in listed.output
    tm_client("group", "remove", *group, "-m", "ben")
    listed = CliRunner().invoke(cli, [*as_ben, "experiment", "ls"], env={"TM_PASSWORD": new})
    assert "shared" not in listed.output
    tm_client("share", *of, "rm", *group, "--group")
    assert "imaging" not in tm_client("share", *of, "ls").output
    tm_client("group", "leave", *group)
    assert "imaging" not in tm_client("group", "ls").output
    administrator("group", "rm", *group)
    tm_client("share", *of, "transfer", "-n", "ben")
    rm = CliRunner().invoke(
        cli, [*as_ben, "experiment", "rm", "-n", "shared"], env={"TM_PASSWORD": new}
    )
    assert rm.exit_code == 0, rm.output
    administrator("user", "rm", "-n", "ben")
    locked = CliRunner().invoke(cli, [*as_ben, "experiment", "ls"], env={"TM_PASSWORD": new})
    assert locked.exit_code == 1
