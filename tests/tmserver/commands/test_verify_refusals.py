"""What cannot be compared is told in one sentence, and is neither equal nor different."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.services.experiments import add_experiment
from tests.services.runs import CONVERSION
from tests.tmserver.commands.conftest import Tm
from tmlib import digests
from tmlib.db import Database
from tmlib.experiments import plates
from tmlib.images.channel_images import FieldShape, field_path, write_plane, write_plate_metadata
from tmlib.jterator.projects.nuclei_and_cells import nuclei_and_cells
from tmlib.portal import verification
from tmlib.portal.publishing.crate import CRATE
from tmlib.portal.publishing.provenance import (
    INPUTS_FILE,
    MEASUREMENTS_FILE,
    WORKFLOW_FILE,
    read_inputs,
)
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage
from tmlib.uploads.folders import register_folder
from tmlib.workflow import service

SETTINGS = {
    "microscope_type": "cellvoyager",
    "workflow_type": "canonical",
    "plate_format": 96,
    "plate_acquisition_mode": "basic",
    "well_spacer_size": 0,
    "vertical_site_displacement": 0,
    "horizontal_site_displacement": 0,
    "pixel_size": None,
}
MEASURED = {"Cells": {"objects": 1, "sha256": "0" * 64}}
NAME = "plate_B02_T0001F001L01A01Z01C01.tif"


def documents(**contents: str) -> dict[str, Any]:
    """Those of a dataset whose acquisitions have one file each, all of one name."""
    site = {"plate": "one", "well": "B02", "well_pos_y": 0, "well_pos_x": 0, "measured": MEASURED}
    acquisitions = [
        {
            "plate": "plate",
            "acquisition": acquisition,
            "files": [{"name": NAME, "sha256": digests.digest_of(content)}],
        }
        for acquisition, content in contents.items()
    ]
    program = {"@id": "#tmserver", "name": "tmserver", "version": "1"}
    return {
        WORKFLOW_FILE: {"experiment": SETTINGS, "description": {}, "project": {}},
        INPUTS_FILE: {"acquisitions": acquisitions},
        MEASUREMENTS_FILE: {"sites": [site]},
        CRATE: {"@graph": [program]},
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a crate, and the files of the microscope."""
    for name, content in documents(first="1", second="2").items():
        path = tmp_path / "crate" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    (tmp_path / "files").mkdir()
    return tmp_path


def refused(tm: Tm, folder: Path) -> str:
    found = tm("verify", str(folder / "crate"), "--files", str(folder / "files"))
    assert found.exit_code == 2, found.output
    return found.output


def test_files_of_one_name_are_not_taken_for_each_other(tm: Tm, folder: Path) -> None:
    """Whichever of them lies there would be computed twice."""
    for content in ("1", "2"):
        (folder / "files" / NAME).write_text(content)
        assert "put the files of each acquisition into PLATE/ACQUISITION/" in refused(tm, folder)
    for acquisition, content in (("first", "1"), ("second", "1")):
        place = folder / "files" / "plate" / acquisition
        place.mkdir(parents=True)
        (place / NAME).write_text(content)
    assert f"second/{NAME} has another content" in refused(tm, folder)


def test_files_in_folders_are_found(tm: Tm, folder: Path) -> None:
    told = folder / "crate" / INPUTS_FILE
    told.write_text(told.read_text().replace(NAME, f"TimePoint_1/{NAME}"))
    assert f"TimePoint_1/{NAME} is not there" in refused(tm, folder)
    told.write_text(told.read_text().replace("TimePoint_1", ".."))
    assert "is not a usable file name" in refused(tm, folder)


@pytest.mark.parametrize("name", [WORKFLOW_FILE, INPUTS_FILE, MEASUREMENTS_FILE, CRATE])
def test_nothing_is_read_that_a_crate_leads_to_outside(tm: Tm, folder: Path, name: str) -> None:
    document = folder / "crate" / name
    document.rename(folder / "elsewhere.json")
    document.symlink_to(folder / "elsewhere.json")
    assert f"{name} leads out of it" in refused(tm, folder)
    document.unlink()
    os.mkfifo(document)
    assert f"{name} leads out of it, or is no file" in refused(tm, folder)


def test_names_of_plates_lead_nowhere_else(tm: Tm, folder: Path) -> None:
    told = folder / "crate" / INPUTS_FILE
    told.write_text(
        json.dumps({"acquisitions": documents(outside="1")[INPUTS_FILE]["acquisitions"]})
    )
    told.write_text(told.read_text().replace('"plate": "plate"', '"plate": ".."'))
    (folder / "outside").mkdir()
    (folder / "outside" / NAME).write_text("1")
    assert f"files/{NAME} is not there" in refused(tm, folder)


@pytest.mark.parametrize("other", ["3", "another that is longer"])
def test_what_is_swapped_after_it_was_looked_at_is_not_computed(
    tm: Tm, folder: Path, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    for acquisition, content in (("first", "1"), ("second", "2")):
        place = folder / "files" / "plate" / acquisition
        place.mkdir(parents=True)
        (place / NAME).write_text(content)
    project = nuclei_and_cells("DNA", "Actin").to_dict()
    workflow = {"experiment": SETTINGS, "description": {}, "project": project}
    (folder / "crate" / WORKFLOW_FILE).write_text(json.dumps(workflow))
    verify = verification.verify

    def swapped(*arguments: Any) -> Any:
        (folder / "files" / "plate" / "first" / NAME).write_text(other)
        return verify(*arguments)

    monkeypatch.setattr(verification, "verify", swapped)
    assert f"first/{NAME} was changed while it was used" in refused(tm, folder)


@pytest.mark.parametrize("name", [WORKFLOW_FILE, INPUTS_FILE, MEASUREMENTS_FILE, CRATE])
def test_what_is_nested_too_deeply_is_no_crate(tm: Tm, folder: Path, name: str) -> None:
    (folder / "crate" / name).write_text("[" * 100_000)
    assert "is no crate of a dataset" in refused(tm, folder)


def test_what_nobody_has_thought_of_is_no_difference(tm: Tm, folder: Path) -> None:
    for acquisition, content in (("first", "1"), ("second", "2")):
        place = folder / "files" / "plate" / acquisition
        place.mkdir(parents=True)
        (place / NAME).write_text(content)
    path = folder / "crate" / WORKFLOW_FILE
    told = json.loads(path.read_bytes())
    told["experiment"]["well_spacer_size"] = 10**30
    path.write_text(json.dumps(told))
    assert "Something unexpected went wrong: OverflowError" in refused(tm, folder)


def test_an_ome_zarr_in_a_folder_of_the_server_counts_as_a_file(
    tm: Tm,
    folder: Path,
    database: Database,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plate_of_zarr = folder / "files" / "one.ome.zarr"
    write_plane(
        field_path(plate_of_zarr, "A01", 0),
        FieldShape(n_tpoints=1, n_channels=1, n_zplanes=1, height=6, width=8),
        ["DAPI"],
        **dict.fromkeys("tcz", 0),
        pixels=np.ones((6, 8), np.uint16),
    )
    write_plate_metadata(plate_of_zarr, "one", {"A01": 1})
    with database.transaction() as session:
        made = add_experiment(session, microscope_type="ome-zarr")
        plate = plates.create_plate(session, made.id, "plate")
        acquisition = plates.create_acquisition(session, made.id, plate.id, "first")
    storage = ExperimentStorage(settings.data_dir, made.id)
    register_folder(
        database, storage, acquisition, "ome-zarr", str(plate_of_zarr), [folder / "files"]
    )
    inputs = read_inputs(database, storage, acquisition.id)
    inside = [path.stat().st_size for path in plate_of_zarr.rglob("*") if path.is_file()]
    [told] = inputs["files"]
    assert (told["name"], told["size"]) == ("one.ome.zarr", sum(inside))
    steps = [{"name": name, "batch_args": []} for name in CONVERSION]
    stages = [{"name": "image_conversion", "steps": steps}]
    workflow = {
        "experiment": {**SETTINGS, "microscope_type": "ome-zarr"},
        "description": {"type": "canonical", "stages": stages},
        "project": nuclei_and_cells("DAPI", "Actin").to_dict(),
    }
    (folder / "crate" / WORKFLOW_FILE).write_text(json.dumps(workflow))
    (folder / "crate" / INPUTS_FILE).write_text(json.dumps({"acquisitions": [inputs]}))
    found = tm("verify", str(folder / "crate"), "--files", str(folder / "files"))
    # the workflow has ended well, and has made no cells
    assert found.exit_code == 1, found.output
    assert "The numbers differ in one B02." in found.output
    submit = service.submit

    def changed(*arguments: Any, **options: Any) -> int:
        (plate_of_zarr / "another").touch()
        return submit(*arguments, **options)

    # what is read where it lies is looked at once more in the end
    monkeypatch.setattr(service, "submit", changed)
    assert "one.ome.zarr has another content" in refused(tm, folder)
    monkeypatch.undo()
    assert "one.ome.zarr has another content" in refused(tm, folder)
