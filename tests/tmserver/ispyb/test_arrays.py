"""Arrays that belong to acquisitions are served from folders that are open, and no others."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from flask import Flask
from sqlalchemy import update

from tests.tmserver.ispyb.conftest import Visitor, anybody
from tmlib.db import Database
from tmlib.experiments.models import Acquisition, Experiment
from tmlib.images.channel_images import FieldShape, field_path, write_plane
from tmlib.storage import ExperimentStorage

As = Callable[[str], Visitor]
Ask = Callable[..., Any]
Open = Callable[[Path], None]

IMAGE = np.arange(60, dtype=np.uint16).reshape(6, 10)
MISSING = {"detail": "File not found"}


@pytest.fixture
def open_folder(app: Flask) -> Open:
    """Opens a folder for arrays."""
    services = app.extensions["tmserver"]

    def change(folder: Path) -> None:
        services.settings = services.settings.model_copy(update={"facility_roots": (folder,)})

    return change


@pytest.fixture
def file(open_folder: Open, tmp_path: Path) -> Path:
    """An HDF5 file for the acquisition, in a folder that is open."""
    folder = tmp_path / "open" / "MX1" / "Screen" / "Plate 1"
    folder.mkdir(parents=True)
    with h5py.File(folder / "Run 1.h5", "w") as made:
        made["image"] = IMAGE
        made["image"].attrs["unit"] = "photons"
    open_folder(tmp_path / "open")
    return folder / "Run 1.h5"


@pytest.fixture
def ask(visitor: As, acquired: int) -> Ask:
    """Asks for something in the file of the acquisition."""

    def send(what: str, status: int = 200, /, who: str = "reader", **query: Any) -> Any:
        query = {"dataCollectionId": acquired, **query}
        return visitor(who).get(f"/data/h5grove/{what}/", status, **query)

    return send


def test_a_file_of_arrays(app: Flask, visitor: As, file: Path, acquired: int, ask: Ask) -> None:
    image = {"path": "/image"}
    assert ask("attr", **image, attr_keys=["unit"]) == {"unit": "photons"}
    assert ask("meta", path="/")["children"][0]["shape"] == [6, 10]
    assert ask("stats", **image, selection="1,:") == {
        "strict_positive_min": 10,
        "positive_min": 10,
        "min": 10,
        "max": 19,
        "mean": 14.5,
        "std": pytest.approx(IMAGE[1].std()),
    }
    assert ask("data", **image, selection="1,3:5") == [13, 14]
    values = ask("data", **image, format="npy")
    assert values.content_length == len(values.data)
    assert "data.npy" in values.headers["Content-Disposition"]
    assert ask("data", **image, format="bin").data == IMAGE.tobytes()
    for what in ("attr", "data", "meta", "stats"):
        anybody(app).get(f"/data/h5grove/{what}/", 401, dataCollectionId=acquired)
        assert ask(what, 404, who="writer") == MISSING
        assert visitor("owner").get(f"/data/h5grove/{what}/", 404) == MISSING
        assert ask(what, 404, robotActionId=1) == MISSING
        assert "nowhere" in ask(what, 404, path="/nowhere")["detail"]
        ask(what, 422, dataCollectionId="x")
    [problem] = ask("data", 422, **image, selection="7")["detail"]
    assert (problem["loc"], problem["type"]) == (["query", "selection"], "value_error")
    ask("data", 422, **image, format="exe")


def test_images_that_were_made_here(
    settings: Any, open_folder: Open, acquired: int, experiment_id: int, ask: Ask
) -> None:
    storage = ExperimentStorage(settings.data_dir, experiment_id)
    shape = FieldShape(n_tpoints=1, n_channels=1, n_zplanes=1, height=6, width=10)
    plate = storage.plate_images(1)
    write_plane(field_path(plate, "B03", 0), shape, ["DAPI"], t=0, c=0, z=0, pixels=IMAGE)
    assert ask("data", 404) == MISSING
    open_folder(settings.data_dir)
    assert ask("data", path="/B/03/0/0", selection="0,0,0,5,8:") == [58, 59]


def test_nothing_outside_of_open_folders(
    database: Database, open_folder: Open, file: Path, tmp_path: Path, ask: Ask
) -> None:
    outside = tmp_path / "outside.h5"
    file.rename(outside)
    file.symlink_to(outside)
    assert ask("meta", 404) == MISSING
    open_folder(tmp_path)
    assert ask("meta", 404) == MISSING
    with database.transaction() as session:
        session.execute(update(Experiment).values(name="../MX2/Screen"))
    elsewhere = tmp_path / "MX2" / "Screen" / "Plate 1"
    elsewhere.mkdir(parents=True)
    outside.rename(elsewhere / "Run 1.h5")
    (tmp_path / "MX1").mkdir()
    assert ask("meta", 404) == MISSING


def test_what_is_no_file_is_missing(database: Database, file: Path, ask: Ask) -> None:
    image = file.read_bytes()
    file.unlink()
    file.symlink_to(file.name)
    assert ask("meta", 404) == MISSING
    file.unlink()
    os.mkfifo(file)
    assert ask("meta", 404) == MISSING
    file.unlink()
    file.mkdir()
    assert ask("meta", 404) == MISSING
    file.rmdir()
    file.write_bytes(image)
    file.chmod(0)
    if not os.access(file, os.R_OK):  # which the superuser may anyway
        assert "may not read" in ask("meta", 404)["detail"]
    with database.transaction() as session:
        session.execute(update(Acquisition).values(name="n" * 255))
    assert ask("meta", 404) == MISSING


def test_names_and_texts_with_bytes_that_are_no_text(file: Path, ask: Ask) -> None:
    with h5py.File(file, "a") as made:
        group = made.create_group(b"\xffgroup")
        group.attrs["text"] = np.bytes_(b"\xfe")
        made.attrs[b"\xfdname"] = 1
        made.id.links.create_soft(b"link", b"/\xffgroup")
        made.id.links.create_soft(b"way", b"/\xffoutside")
        made[b"\xffoutside"] = h5py.ExternalLink("other.h5", "/")
    names = {child["name"] for child in ask("meta")["children"]}
    assert {"?group", "image", "link", "?outside", "way"} == names
    assert ask("attr", path="/link") == {"text": "\N{REPLACEMENT CHARACTER}"}
    assert ask("attr") == {"?name": 1}
    assert "?outside" in ask("meta", 404, path="/way", resolve_links="all")["detail"]


def test_json_is_limited(file: Path, ask: Ask) -> None:
    with h5py.File(file, "a") as made:
        made["large"] = np.full(900_000, 1 / 3)
        made["words"] = ["w" * 1000] * 20_000
        made.attrs["exact"] = np.array([2**63 - 1])
    for path in ("/large", "/words"):
        [problem] = ask("data", 422, path=path)["detail"]
        assert problem["loc"] == ["query", "selection"]
        assert "16 MB" in problem["msg"]
    assert ask("data", path="/large", selection=":2") == [1 / 3, 1 / 3]
    assert ask("attr") == {"exact": [2**63 - 1]}
