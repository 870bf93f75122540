"""``tm demo``: from a folder of images to a table and a map."""

import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.acceptance import sample
from tests.acceptance.conftest import DATA, needs_images
from tests.services.demo import Demo, run_to_end, running_demo
from tests.services.installation import Installation, clean_environment
from tmclient import TmClient
from tmserver.command_line import cli

FLY_PATTERN = r"POS(?P<s>\d+)_(?P<c>[DFR])\."


@needs_images
def test_human_cells(human: Demo) -> None:
    nuclei = sample.outlines(human.client, "Nuclei")
    assert 260 <= len(nuclei) <= 310
    sample.assert_one_to_one(nuclei, sample.outlines(human.client, "Cells"))
    assert re.search(rf"objects: Nuclei +{len(nuclei)}, each with \d+ features", human.output)
    assert re.search(r"channels +0, 1, 2", human.output)


@needs_images
def test_its_end_says_how_to_go_on(human: Demo) -> None:
    lines = human.output.splitlines()
    assert lines[-1] == human.address
    assert lines[-2] == f"Log in as {human.user} with the password {human.password} at"
    first = lines.index("A user and an experiment of your own, from another terminal:")
    data_dir, url = human.data_dir, f"sqlite:///{human.data_dir / 'tmserver.db'}"
    environment = clean_environment(data_dir, url) | {"TM_PASSWORD": "a password of ada's"}
    for line in lines[first + 1 : first + 3]:
        subprocess.run(["sh", "-c", line], env=environment, check=True)
    with TmClient(
        url=human.address.partition("/?")[0], username="ada", password="a password of ada's"
    ) as client:
        assert [experiment["name"] for experiment in client.get_experiments()] == ["screen"]


@needs_images
def test_fly_cells(tmp_path: Path) -> None:
    arguments = ("--images", DATA / "fly", "--pattern", FLY_PATTERN, "--rows", 1)
    database_url = f"sqlite:///{tmp_path / 'fly' / 'tmserver.db'}"
    with running_demo(tmp_path / "fly", database_url, *arguments) as demo:
        places = [(site["y"], site["x"]) for site in demo.client.get_sites()]
        assert sorted(places) == [(0, 0), (0, 1), (0, 2)]
        # a simple segmentation finds 281 in the first; the others are crowded
        expected = [(250, 330), (750, 1000), (620, 850)]
        for x, (fewest, most) in enumerate(expected):
            values = demo.client.download_feature_values("Nuclei", "plate", "A01", 0, x)
            assert fewest <= len(values) <= most


def test_a_simulated_plate_and_the_exit(tmp_path: Path) -> None:
    outcome = run_to_end(tmp_path / "data", "--exit", "--port", 0, "--wells", 1, "--sites", "1x2")
    assert outcome.returncode == 0, outcome.stderr
    assert re.search(r"sites +2\n", re.sub(r" +\n", "\n", outcome.stdout))
    assert re.search(r"objects: Nuclei +\d+, each with \d+ features", outcome.stdout)
    assert re.search(r"objects: Sites +2, each with 6 features", outcome.stdout)
    assert "time: jterator" in outcome.stdout


def test_a_file_that_is_no_image(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "notes_1.tif").write_text("These are no pixels.")
    outcome = run_to_end(
        tmp_path / "data", "--exit", "--port", 0, "--images", folder, "--pattern", r"(?P<s>\d)\."
    )
    assert outcome.returncode == 1
    assert '"notes_1.tif" is neither a TIFF nor a PNG image' in outcome.stderr
    assert "Traceback" not in outcome.stdout + outcome.stderr


def test_a_second_demo_is_told_where_the_first_is(installation: Installation) -> None:
    outcome = run_to_end(installation.data_dir, "--wells", 1)
    assert outcome.returncode == 1
    assert outcome.stdout == ""
    assert (
        f"in use by another `tm serve` or `tm demo` (process {installation.process.pid}, at "
        in (outcome.stderr)
    )
    assert f"at {installation.url}): use that server, stop it with Ctrl-C, or" in outcome.stderr
    assert outcome.stderr.count("\n") == 1


@pytest.fixture
def unchanged_signals() -> Iterator[None]:
    """Put back what a command that runs in this process does to SIGTERM."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("unchanged_signals")
@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        ([], ["--pattern", r"s(?P<s>\d)"], "The folder .*images is empty"),
        (["s1.txt"], ["--pattern", r"s(?P<s>\d)"], "None of the 1 files .* s1.txt"),
        (["x1.tif"], ["--pattern", r"s(?P<s>\d)"], '"x1.tif".* not match the pattern'),
        (["s1.tif"], ["--pattern", r"s(?P<q>\d)"], 'has the named group "q"'),
        (["s1.tif", "s2.tif"], ["--pattern", r"s(?P<s>\d)"], "Well A01 has 2 sites: say how"),
        (
            ["s1.tif", "s2.tif", "s3.tif"],
            ["--pattern", r"s(?P<s>\d)", "--rows", 2, "--columns", 2],
            "3 sites, which do not fill a grid of 2 x 2",
        ),
        (
            ["s1.tif"],
            ["--pattern", r"s(?P<s>\d)", "--nuclei-channel", "DAPI"],
            'There is no channel "DAPI" .* the images have 1',
        ),
        (["s1.tif"], [], "Say what made the images with --microscope-type"),
    ],
)
def test_what_cannot_work_is_named_before_anything_starts(
    tmp_path: Path, files: list[str], options: list[object], message: str
) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for name in files:
        (folder / name).write_bytes(b"not looked at yet")
    data_dir = tmp_path / "data"
    arguments = ["demo", "--data-dir", data_dir, "--port", 0, "--images", folder, *options]
    outcome = CliRunner().invoke(cli, list(map(str, arguments)))
    assert outcome.exit_code == 1
    assert re.search(message, outcome.stderr)
    assert outcome.stderr.count("\n") == 1
    assert not data_dir.exists()


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        outcome = run_to_end(tmp_path / "data", "--exit", "--port", port)
    assert outcome.returncode == 1
    assert f"Cannot listen on port {port}" in outcome.stderr
    assert not (tmp_path / "data").exists()
