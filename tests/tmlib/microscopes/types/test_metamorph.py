from pathlib import Path
from typing import Any

import pytest

from tests.services.conversion import Conversion, write_images
from tests.tmlib.microscopes.types.test_visiview import write_nd

EXAMPLES = {
    "exp_C04_s2_w1.TIF": ("C04", "1", None, None, 2),
    "exp_C04_s2.tif": ("C04", None, None, None, 2),
    "exp_C04_s2_w3A1B2C3D4-11.TIF": ("C04", "3", None, None, 2),
    "exp_C04_s2_w1_z3_t7.tif": ("C04", "1", 7, 3, 2),
    "exp_AC04_s2_w1.TIF": ("AC04", "1", None, None, 2),
    "exp_C4_s2.TIFF": ("C04", None, None, None, 2),
    "mine C04_s2.tif": ("C04", None, None, None, 2),
    "lapse_20240816_s1_t3.TIF": (None, None, 3, None, 1),
    "x_w2FITC 2_s12_t1.stk": (None, "2", 1, None, 12),
    "zür_lich_t4.tif": (None, None, 4, None, None),
    "exp.stk": (None, None, None, None, None),
    "exp_C04.STK": ("C04", None, None, None, None),
}
METADATA_FILES = ("exp.nd", "exp.ND")
OTHER_FILES = (
    "exp_thumb.stk",
    "exp_C04_s2_w1_thumb.TIF",
    "exp_C04_s2_w1.txt",
    "Thumbs.db",
    "C04.tif",
)


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        ("horizontal", [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]),
        ("zigzag_horizontal", [(0, 0), (0, 1), (0, 2), (1, 2), (1, 1), (1, 0)]),
        ("vertical", [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2)]),
        ("zigzag_vertical", [(0, 0), (1, 0), (1, 1), (0, 1), (0, 2), (1, 2)]),
    ],
)
def test_the_user_says_how_sites_lie(
    tmp_path: Path, conversion: Conversion, layout: str, expected: Any
) -> None:
    names = [f"exp_C04_s{s}_w1.TIF" for s in range(1, 7)]
    write_images(tmp_path, names)
    conversion.set(microscope_type="metamorph")
    conversion.take(tmp_path)
    assert conversion.convert(stitch_layout=layout, n_horizontal=3, n_vertical=2) == ""
    assert conversion.cells() == {
        name: ("C04", *cell) for name, cell in zip(names, expected, strict=True)
    }


def test_labels_of_stage_positions_are_wells(tmp_path: Path, conversion: Conversion) -> None:
    names = [f"lapse_s{s}_t{t}.TIF" for s in range(1, 5) for t in (1, 2, 3)]
    write_images(tmp_path, names)
    write_nd(tmp_path / "lapse.nd", positions=("B2", "B3", "C3", "C2"), waves=())
    conversion.set(microscope_type="metamorph")
    assert len(conversion.take(tmp_path)) == 13
    assert conversion.convert() == ""
    planes = conversion.shown()
    assert {p.well for p in planes} == {"B02", "B03", "C02", "C03"}
    assert {p.t for p in planes} == {0, 1, 2}
    assert conversion.cells()["lapse_s3_t2.TIF"] == ("C03", 0, 0)


def test_channels_are_called_as_the_nd_file_says(tmp_path: Path, conversion: Conversion) -> None:
    write_images(tmp_path, ["x_w1Cy5_s1.TIF", "x_w2405_s1.TIF"])
    write_nd(tmp_path / "x.nd", positions=("A1",), waves=("Cy5", "405"))
    conversion.set(microscope_type="metamorph")
    conversion.take(tmp_path)
    assert conversion.convert() == ""
    assert {p.channel for p in conversion.shown()} == {"Cy5", "405"}


def test_wells_that_nothing_tells_are_reported(tmp_path: Path, conversion: Conversion) -> None:
    write_images(tmp_path, ["x_s1_t1.TIF", "x_s2_t1.TIF"])
    conversion.set(microscope_type="metamorph")
    conversion.take(tmp_path)
    assert conversion.convert() == ""
    log = conversion.log("metaconfig")
    assert 'Nothing tells the well of 2 of 2 image files, "x_s1_t1.TIF" for example' in log
