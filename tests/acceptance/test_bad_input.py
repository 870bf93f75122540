"""Whoever makes mistakes is told what is wrong, loses nothing, and gets there in the end."""

import re
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import sample
from tests.services.installation import Installation, running_installation
from tests.services.small_disk import NoSmallDisk, small_disk
from tmclient import RequestError, TmClient, UploadError
from tmclient.progress import step_statuses
from tmlib.jterator.projects.nuclei_and_cells import nuclei_and_cells
from tmlib.sample import simulate_plate

PATTERN = r"_(?P<w>[A-H]\d{2})_T\d+F(?P<s>\d+)L\d+A\d+Z\d+C(?P<c>\d+)"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images of one well with 2 sites and 2 channels, without the microscope's own metadata."""
    plate = simulate_plate(
        tmp_path / "simulated", wells=["B02"], rows=1, columns=2, height=128, width=128
    )
    folder = tmp_path / "images"
    folder.mkdir()
    for file in plate.image_files:
        shutil.copy(file, folder)
    return folder


@pytest.fixture
def client(installation: Installation, request: pytest.FixtureRequest) -> Iterator[TmClient]:
    """A client for a new experiment with a plate and an acquisition."""
    with installation.client(request.node.name) as client:
        create(client)
        yield client


def create(client: TmClient) -> None:
    client.create_experiment(microscope_type="generic", plate_format=96)
    client.create_plate("plate")
    client.create_acquisition("plate", "acquisition")


def describe(pattern: str, rows: int, columns: int) -> dict[str, Any]:
    values = {"regex": pattern, "n_vertical": rows, "n_horizontal": columns}
    arguments = [{"name": name, "value": value} for name, value in values.items()]
    steps = ("metaextract", "metaconfig", "imextract")
    return {
        "type": "canonical",
        "stages": [
            {
                "name": "image_conversion",
                "steps": [
                    {
                        "name": step,
                        "batch_args": arguments if step == "metaconfig" else [],
                        "submission_args": [],
                    }
                    for step in steps
                ],
            },
            *(
                {"name": name}
                for name in ("image_preprocessing", "pyramid_creation", "image_analysis")
            ),
        ],
    }


def errors_at_end(client: TmClient) -> str:
    """Why the workflow has failed; empty if it has not."""
    status = sample.wait_for_end(client)
    return "\n".join(error for step in step_statuses(status) for error in step.errors)


def refused(words: str) -> AbstractContextManager[object]:
    """A request that is refused with these words."""
    return pytest.raises(RequestError, match=words)


def upload_project(client: TmClient, nuclei: str) -> None:
    project = nuclei_and_cells(nuclei, "02").to_dict()
    client.upload_jterator_project(project["pipeline"], project["handles"])


def files_there(client: TmClient) -> dict[str, str]:
    files = client.get_microscope_files("plate", "acquisition")
    return {file["name"]: file["status"] for file in files}


def test_wrong_descriptions_can_be_corrected(client: TmClient, folder: Path) -> None:
    client.upload_microscope_files("plate", "acquisition", folder)
    uploaded = files_there(client)
    assert set(uploaded.values()) == {"COMPLETE"}

    with refused("no jterator project"):
        client.submit_workflow(describe(PATTERN, 1, 2))
    upload_project(client, "DAPI")
    with refused(r'not match the pattern "site\(\?P<s>\[0-9\]\+\)"'):
        client.submit_workflow(describe("site(?P<s>[0-9]+)", 1, 2))
    for pattern in ("site(?P<s>[0-9+)", "(?P<site>[0-9]+)"):
        with refused(re.escape(pattern)):
            client.upload_workflow_description(describe(pattern, 1, 2))
    with refused("n_vertical.*2 sites"):
        client.submit_workflow(describe(PATTERN, 3, 3))
    with refused('"DAPI".*01'):
        client.submit_workflow(describe(PATTERN, 1, 2))
    assert client.get_workflow_status() is None
    upload_project(client, "01")
    client.submit_workflow(describe(PATTERN, 1, 2))
    assert errors_at_end(client) == ""

    assert len(client.download_feature_values("Nuclei")) > 0
    assert files_there(client) == uploaded


def test_broken_files_are_named_and_can_be_sent_again(client: TmClient, folder: Path) -> None:
    broken, text, *good = sorted(folder.iterdir())
    content, other_content = broken.read_bytes(), text.read_bytes()
    broken.write_bytes(content[: len(content) // 2])
    text.write_text("These are no pixels.")
    client.upload_microscope_files("plate", "acquisition", folder)
    upload_project(client, "01")
    client.submit_workflow(describe(PATTERN, 1, 2))
    message = errors_at_end(client)
    assert f'"{broken.name}" is truncated' in message
    assert f'"{text.name}" is neither a TIFF nor a PNG' in message
    assert not any(file.name in message for file in good)
    expected = dict.fromkeys((file.name for file in good), "COMPLETE")
    assert files_there(client) == expected | {broken.name: "FAILED", text.name: "FAILED"}

    broken.write_bytes(content)
    text.write_bytes(other_content)
    client.upload_microscope_files("plate", "acquisition", folder)
    assert set(files_there(client).values()) == {"COMPLETE"}
    client.resubmit_workflow()
    assert errors_at_end(client) == ""


def test_a_pipeline_that_cannot_run_is_refused(client: TmClient) -> None:
    project = nuclei_and_cells("01", "02").to_dict()
    project["pipeline"]["pipeline"][0]["source"] = "smoth.py"
    with pytest.raises(RequestError, match=r"smoth.*smooth") as caught:
        client.upload_jterator_project(project["pipeline"], project["handles"])
    assert caught.value.status_code == 400


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with room for a few megabytes."""
    try:
        with small_disk(tmp_path / "disk", megabytes=12) as disk:
            yield disk
    except NoSmallDisk as reason:
        pytest.skip(str(reason))


def test_a_full_disk_is_named_and_nothing_is_lost(disk: Path, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "s1.tif").write_bytes(b"\x01" * 1_000_000)
    (folder / "s2.tif").write_bytes(b"\x02" * 30_000_000)
    database_url = f"sqlite:///{tmp_path / 'tmserver.db'}"
    with (
        running_installation(disk / "data", database_url, processes=1) as installation,
        installation.client("full") as client,
    ):
        create(client)
        with pytest.raises(UploadError, match=r"s2\.tif.*(disk|space)") as caught:
            client.upload_microscope_files("plate", "acquisition", folder, retry=1)
        assert set(caught.value.failed) == {"s2.tif"}
        assert files_there(client)["s1.tif"] == "COMPLETE"
        assert files_there(client)["s2.tif"] != "COMPLETE"
        # the disk is not left full, and the file can be sent when there is room
        (folder / "s2.tif").write_bytes(b"\x02" * 2_000_000)
        assert client.upload_microscope_files("plate", "acquisition", folder).sent == ["s2.tif"]
        assert set(files_there(client).values()) == {"COMPLETE"}
