"""What cannot be compared is told in one sentence, and is neither equal nor different."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tmserver.commands.conftest import Tm
from tmlib import digests
from tmlib.portal.publishing.crate import CRATE
from tmlib.portal.publishing.provenance import INPUTS_FILE, MEASUREMENTS_FILE, WORKFLOW_FILE

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
