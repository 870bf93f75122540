from pathlib import Path

import pytest

from tmlib.errors import BadInput
from tmlib.sample import simulate_plate
from tmserver.demo.analysis import choose_project, describe_workflow
from tmserver.demo.plate import Grid, Plate, read_plate
from tmserver.demo.sample_plate import block


def plate_of(folder: Path, *names: str, grid: Grid | None = None) -> Plate:
    for name in names:
        (folder / name).touch()
    pattern = r"(?P<w>[A-H]\d+)_s(?P<s>\d+)_(?P<c>\w+)\.tif"
    return read_plate(folder, "generic", pattern, 96, grid or Grid())


def test_a_cellvoyager_plate_explains_itself(tmp_path: Path) -> None:
    simulate_plate(tmp_path, wells=["B02", "B03"], rows=2, columns=3, height=64, width=64)
    plate = read_plate(tmp_path, "cellvoyager", None, 96, Grid())
    assert (plate.n_wells, plate.n_sites, plate.n_images) == (2, 12, 24)
    assert plate.channels == ("1", "2")
    assert plate.grid is None


def test_file_names_tell_the_rest(tmp_path: Path) -> None:
    names = [f"B02_s{s}_{c}.tif" for s in range(6) for c in ("w10", "w9")]
    plate = plate_of(tmp_path, *names, grid=Grid(rows=2))
    assert plate.channels == ("w9", "w10")
    assert plate.grid == Grid(2, 3)


@pytest.mark.parametrize("grid", [Grid(), Grid(rows=4), Grid(columns=4), Grid(2, 2)])
def test_a_grid_that_does_not_fit_is_refused(tmp_path: Path, grid: Grid) -> None:
    with pytest.raises(BadInput, match="B02 has 6 sites"):
        plate_of(tmp_path, *(f"B02_s{s}_1.tif" for s in range(6)), grid=grid)


def test_a_single_site_needs_no_grid(tmp_path: Path) -> None:
    assert plate_of(tmp_path, "B02_s7_1.tif").grid == Grid(1, 1)


@pytest.mark.parametrize(
    ("nuclei", "cells", "expected"),
    [(None, None, ["a", "b"]), ("b", None, ["b", "a"]), (None, "c", ["a", "c"])],
)
def test_channels_are_chosen_in_their_order(
    tmp_path: Path, nuclei: str | None, cells: str | None, expected: list[str]
) -> None:
    plate = plate_of(tmp_path, *(f"B02_s0_{c}.tif" for c in "cab"))
    project = choose_project(plate, nuclei, cells, None).to_dict()
    channels = project["pipeline"]["input"]["channels"]
    assert [channel["name"] for channel in channels] == expected


def test_one_channel_has_nuclei_alone(tmp_path: Path) -> None:
    plate = plate_of(tmp_path, "B02_s0_dapi.tif")
    project = choose_project(plate, None, None, None).to_dict()
    found = [item["name"] for item in project["pipeline"]["output"]["objects"]]
    assert found == ["Nuclei", "Sites"]


def test_the_workflow_gets_what_the_user_said(tmp_path: Path) -> None:
    grid = Grid(2, 3, "zigzag_vertical")
    plate = plate_of(tmp_path, *(f"B02_s{s}_1.tif" for s in range(6)), grid=grid)
    (conversion, *_) = describe_workflow(plate)["stages"]
    (metaconfig,) = [step for step in conversion["steps"] if step["name"] == "metaconfig"]
    assert {item["name"]: item["value"] for item in metaconfig["batch_args"]} == {
        "regex": plate.pattern,
        "n_vertical": 2,
        "n_horizontal": 3,
        "stitch_layout": "zigzag_vertical",
    }


@pytest.mark.parametrize("n", [1, 2, 4, 5, 9, 50, 64, 65, 95, 96])
def test_wells_lie_close_together(n: int) -> None:
    names = block(n)
    rows = {name[0] for name in names}
    columns = {int(name[1:]) for name in names}
    assert len(set(names)) == n
    assert rows <= set("ABCDEFGH")
    assert columns <= set(range(1, 13))
    assert len(rows) * len(columns) < n + max(len(rows), len(columns))


def test_a_plate_has_96_wells() -> None:
    with pytest.raises(BadInput, match="97"):
        block(97)
