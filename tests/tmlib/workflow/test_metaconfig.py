"""Acquisitions, plates, formats and layouts, from files to tables."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from sqlalchemy import delete, select

from tests.services.conversion import Conversion, write_images
from tests.services.stk import write_stk
from tmlib.experiments.channels import rename_channel
from tmlib.experiments.models import Acquisition, Channel, Cycle, Experiment, Plate

PATTERN = r"^(?P<w>[A-Z]+\d\d)_s(?P<s>\d+)_(?P<c>\w+?)(?:_t(?P<t>\d+))?(?:_z(?P<z>\d+))?\.tif"


@pytest.fixture(autouse=True)
def generic(conversion: Conversion) -> None:
    conversion.set(microscope_type="generic")


def upload(
    conversion: Conversion,
    folder: Path,
    names: list[str],
    plate: str = "plate",
    acquisition: str = "first",
) -> None:
    source = folder / plate / acquisition
    source.parent.mkdir(exist_ok=True)
    write_images(source, names)
    assert len(conversion.take(source, plate, acquisition)) == len(names)


def rename(conversion: Conversion, names: dict[str, str]) -> None:
    """Give channels other names, one after the other."""
    for name, other in names.items():
        with conversion.database.transaction() as session:
            number = session.execute(select(Channel.id).where(Channel.name == name)).scalar_one()
            rename_channel(session, conversion.experiment.id, number, other)


def three_acquisitions(conversion: Conversion, folder: Path) -> None:
    """Two on one plate, the first with two time points, and one on another."""
    first = [f"A01_s{s}_{c}_t{t}.tif" for s in (1, 2) for c in ("DAPI", "C10", "C9") for t in "35"]
    upload(conversion, folder, first)
    second = [f"{w}_s{s}_DAPI.tif" for w in ("A01", "H12") for s in (1, 2)]
    upload(conversion, folder, second, acquisition="second")
    upload(conversion, folder, ["B07_s4_DAPI.tif"], "other")


def test_acquisitions_of_a_plate_are_a_time_series(tmp_path: Path, conversion: Conversion) -> None:
    three_acquisitions(conversion, tmp_path)
    assert conversion.convert(regex=PATTERN) == ""
    shown = conversion.shown()
    assert {(p.plate, p.well, p.channel, p.t, p.cycle) for p in shown} == {
        *(("plate", "A01", c, t, 0) for c in ("DAPI", "C9", "C10") for t in (0, 1)),
        ("plate", "A01", "DAPI", 2, 0),
        ("plate", "H12", "DAPI", 2, 0),
        ("other", "B07", "DAPI", 0, 0),
    }
    at = {p.files[0]: p.t for p in shown if p.plate == "plate"}
    assert (at["A01_s1_DAPI_t3.tif"], at["A01_s1_DAPI_t5.tif"], at["A01_s1_DAPI.tif"]) == (0, 1, 2)
    names = conversion.values(Channel.name)
    assert [names[i] for i in np.argsort(conversion.values(Channel.index))] == ["C9", "C10", "DAPI"]


def test_acquisitions_of_a_plate_are_cycles(tmp_path: Path, conversion: Conversion) -> None:
    conversion.set(plate_acquisition_mode="multiplexing")
    three_acquisitions(conversion, tmp_path)
    assert conversion.convert(regex=PATTERN) == ""
    shown = conversion.shown()
    assert {(p.plate, p.well, p.channel, p.t, p.cycle) for p in shown} == {
        *(("plate", "A01", f"{i}_{c}", 0, i) for c in ("DAPI", "C9", "C10") for i in (0, 1)),
        ("plate", "A01", "2_DAPI", 0, 2),
        ("plate", "H12", "2_DAPI", 0, 2),
        ("other", "B07", "0_DAPI", 0, 0),
    }
    assert sorted(conversion.values(Cycle.index)) == [0, 1, 2]
    assert set(conversion.values(Channel.wavelength)) == {"DAPI", "C9", "C10"}


def test_doing_it_again_changes_nothing(tmp_path: Path, conversion: Conversion) -> None:
    conversion.set(plate_acquisition_mode="multiplexing")
    three_acquisitions(conversion, tmp_path)
    assert conversion.convert(regex=PATTERN) == ""
    before = conversion.shown()
    assert conversion.convert(regex=PATTERN) == ""
    assert conversion.shown() == before


@pytest.mark.parametrize(
    ("mode", "prefix"), [("basic", ""), ("multiplexing", "0_")], ids=["time", "cycles"]
)
def test_channels_keep_the_names_that_users_gave_them(
    tmp_path: Path, conversion: Conversion, mode: str, prefix: str
) -> None:
    conversion.set(plate_acquisition_mode=mode)
    upload(conversion, tmp_path, ["A01_s1_C1.tif", "A01_s1_C2.tif", "A01_s1_C3.tif"])
    assert conversion.convert(regex=PATTERN) == ""
    one, two, three = (f"{prefix}C{i}" for i in (1, 2, 3))
    rename(conversion, {three: "DNA", one: "other", two: one, "other": two})
    for well in ("B01", "B02"):
        upload(conversion, tmp_path, [f"{well}_s1_C{i}.tif" for i in (1, 2, 3)], plate=well)
        assert conversion.convert(regex=PATTERN) == ""
        shown = {p.channel: p.files for p in conversion.shown() if p.plate == well}
        found = {name: files[0] for name, files in shown.items()}
        files = {two: f"{well}_s1_C1.tif", one: f"{well}_s1_C2.tif", "DNA": f"{well}_s1_C3.tif"}
        assert found == files


def test_channels_keep_their_names_when_a_run_fails(tmp_path: Path, conversion: Conversion) -> None:
    upload(conversion, tmp_path, ["A01_s1_C1.tif"])
    assert conversion.convert(regex=PATTERN) == ""
    rename(conversion, {"C1": "DAPI"})
    upload(conversion, tmp_path, ["A02_s1_C1.tif"], "good")
    upload(conversion, tmp_path, ["Z99_s1_C1.tif"], "bad")
    assert "Z99" in conversion.convert(regex=PATTERN)
    with conversion.database.transaction() as session:
        session.execute(delete(Plate).where(Plate.name == "bad"))
    assert conversion.convert(regex=PATTERN) == ""
    assert {p.channel for p in conversion.shown()} == {"DAPI"}


def test_no_channel_gets_the_name_of_another_back(tmp_path: Path, conversion: Conversion) -> None:
    upload(conversion, tmp_path, ["A01_s1_C1.tif"])
    assert conversion.convert(regex=PATTERN) == ""
    rename(conversion, {"C1": "DAPI"})
    upload(conversion, tmp_path, ["A02_s1_DAPI.tif"], "other")
    assert conversion.convert(regex=PATTERN) == ""
    assert {p.channel: p.well for p in conversion.shown()} == {"C1": "A01", "DAPI": "A02"}
    # nothing is kept but what somebody has said
    assert conversion.values(Experiment.channel_names) == [{"C1": "DAPI"}]
    assert conversion.values(Plate.well_descriptions) == [{}, {}]


@pytest.mark.parametrize(
    ("plate_format", "last", "outside"),
    [
        (1, "A01", "A02"),
        (6, "B03", "C01"),
        (24, "D06", "D07"),
        (96, "H12", "I01"),
        (384, "P24", "Q01"),
        (1536, "AF48", "AG01"),
    ],
)
def test_plates_have_as_many_wells_as_they_have(
    tmp_path: Path, conversion: Conversion, plate_format: int, last: str, outside: str
) -> None:
    conversion.set(plate_format=plate_format)
    upload(conversion, tmp_path, [f"{last}_s1_1.tif"])
    assert conversion.convert(regex=PATTERN) == ""
    assert [p.well for p in conversion.shown()] == [last]
    upload(conversion, tmp_path, [f"{outside}_s1_1.tif"], acquisition="second")
    message = conversion.convert(regex=PATTERN)
    assert f'"{outside}"' in message
    assert "well" in message


def test_a_site_missing_in_one_well_moves_no_other(tmp_path: Path, conversion: Conversion) -> None:
    sites = {"A01": range(1, 10), "A02": (1, 2, 3, 4, 6, 7, 9)}
    upload(conversion, tmp_path, [f"{w}_s{s}_1.tif" for w, all_s in sites.items() for s in all_s])
    assert conversion.convert(regex=PATTERN, n_horizontal=3, n_vertical=3) == ""
    cells = conversion.cells()
    assert cells["A01_s9_1.tif"] == ("A01", 2, 2)
    assert cells["A02_s9_1.tif"] == ("A02", 2, 2)
    assert cells["A02_s6_1.tif"] == ("A02", 1, 2)


def test_a_grid_that_does_not_fit_is_refused(tmp_path: Path, conversion: Conversion) -> None:
    upload(conversion, tmp_path, [f"A01_s{s}_1.tif" for s in range(5)])
    message = conversion.convert(regex=PATTERN, n_horizontal=2, n_vertical=2)
    assert "5 sites per well" in message
    assert conversion.convert(regex=PATTERN, n_horizontal=5) == ""
    assert conversion.cells()["A01_s4_1.tif"] == ("A01", 0, 4)


def test_focal_planes_in_files_and_names_are_projected(
    tmp_path: Path, conversion: Conversion
) -> None:
    names = [f"A01_s1_{c}_z{z}.tif" for c in ("DAPI", "GFP") for z in (2, 10)]
    upload(conversion, tmp_path, names)
    assert conversion.convert(regex=PATTERN) == ""
    assert [p.z for p in conversion.shown() if p.files == ("A01_s1_GFP_z10.tif",)] == [1]
    assert conversion.convert(regex=PATTERN, mip=True) == ""
    assert [(p.z, p.files, p.series, p.planes) for p in conversion.shown()] == [
        (0, (f"A01_s1_{c}_z10.tif", f"A01_s1_{c}_z2.tif"), (0, 0), (0, 0)) for c in ("DAPI", "GFP")
    ]


def test_the_size_of_pixels_must_agree(tmp_path: Path, conversion: Conversion) -> None:
    source = tmp_path / "first"
    source.mkdir()
    write_stk(source / "A01_s1_1.tif", np.zeros((2, 6, 8), np.uint16))
    conversion.take(source)
    assert conversion.convert(regex=PATTERN) == ""
    assert conversion.pixel_size == 0.65
    other = tmp_path / "other"
    other.mkdir()
    values = {"state": "on", "x": "0.325", "units": "um"}
    props = [f'<prop id="spatial-calibration-{key}" value="{values[key]}"/>' for key in values]
    tifffile.imwrite(
        other / "A01_s1_1.tif",
        np.zeros((6, 8), np.uint16),
        description=f"<MetaData>{''.join(props)}</MetaData>",
        metadata=None,
    )
    conversion.take(other, acquisition="zoomed")
    message = conversion.convert(regex=PATTERN)
    assert "0.325 micrometres" in message
    assert "0.65" in message
    with conversion.database.transaction() as session:
        session.delete(session.query(Acquisition).filter_by(name="first").one())
    assert conversion.convert(regex=PATTERN) == ""
    assert conversion.pixel_size == 0.325


@pytest.mark.parametrize(
    ("shape", "dtype", "words"),
    [((6, 9), np.uint16, "6 x 9 pixels"), ((6, 8), np.uint8, "8 and 16 bits")],
)
def test_images_of_an_experiment_are_alike(
    tmp_path: Path, conversion: Conversion, shape: tuple[int, int], dtype: type, words: str
) -> None:
    upload(conversion, tmp_path, ["A01_s1_1.tif"])
    source = tmp_path / "second"
    source.mkdir()
    tifffile.imwrite(source / "A02_s1_1.tif", np.zeros(shape, dtype), photometric="minisblack")
    conversion.take(source, acquisition="second")
    assert words in conversion.convert(regex=PATTERN)


def test_images_and_maps_have_the_size_of_pixels(tmp_path: Path, conversion: Conversion) -> None:
    source = tmp_path / "first"
    source.mkdir()
    write_stk(source / "A01_s1_1.tif", np.zeros((1, 60, 80), np.uint16))
    conversion.take(source)
    assert conversion.convert("imextract", regex=PATTERN) == ""
    conversion.run(("pyramid_creation", {"illuminati": {}}))
    root = conversion.storage.root
    for path in (*root.glob("images/*/A/01/0/zarr.json"), *root.glob("mosaics/*/zarr.json")):
        [image] = json.loads(path.read_text())["attributes"]["ome"]["multiscales"]
        [scale] = image["datasets"][0]["coordinateTransformations"]
        assert scale["scale"][-2:] == [0.65, 0.65], path
        assert image["axes"][-1]["unit"] == "micrometer", path
    assert len(list(root.glob("mosaics/*/zarr.json"))) == 1
