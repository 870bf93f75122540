from pathlib import Path

import numpy as np
import tifffile

from tests.services.conversion import Conversion, write_images

EXAMPLES = dict.fromkeys(("01_POS002_D.TIF", "b.tiff", "c.png", "d.stk"), (None,) * 5)
METADATA_FILES = ()
OTHER_FILES = ("notes.txt", "x.tif.part", "plate.nd")


def test_the_pattern_of_the_user_tells(tmp_path: Path, conversion: Conversion) -> None:
    names = [f"01_POS{s}_{c}.TIF" for s in ("002", "076", "218") for c in "DFR"]
    write_images(tmp_path, names)
    conversion.set(microscope_type="generic", plate_format=1)
    conversion.take(tmp_path)
    pattern = r"POS(?P<s>\d+)_(?P<c>[DFR])\."
    assert conversion.convert(regex=pattern, n_vertical=1, n_horizontal=3) == ""
    assert conversion.cells()["01_POS218_R.TIF"] == ("A01", 0, 2)
    assert [p.channel for p in conversion.shown()] == list("DFR") * 3


def test_without_a_pattern_the_user_is_asked_for_one(
    tmp_path: Path, conversion: Conversion
) -> None:
    write_images(tmp_path, ["a.tif", "b.tif"])
    conversion.set(microscope_type="generic")
    conversion.take(tmp_path)
    assert (
        'give as "regex" a regular expression with the named groups w, c, z, t and s'
        in conversion.convert()
    )


def test_a_pattern_that_does_not_tell_files_apart_is_reported(
    tmp_path: Path, conversion: Conversion
) -> None:
    write_images(tmp_path, ["a_s1.tif", "b_s1.tif"])
    conversion.set(microscope_type="generic")
    conversion.take(tmp_path)
    assert '"a_s1.tif" and "b_s1.tif" show the same well' in conversion.convert(
        regex=r"_s(?P<s>\d)"
    )


def test_one_stack_alone_needs_no_pattern(tmp_path: Path, conversion: Conversion) -> None:
    tifffile.imwrite(
        tmp_path / "stack.tif", np.zeros((3, 8, 8), np.uint8), photometric="minisblack"
    )
    conversion.set(microscope_type="generic", plate_format=1)
    conversion.take(tmp_path)
    assert conversion.convert() == ""
    assert [(p.well, p.z, p.planes) for p in conversion.shown()] == [
        ("A01", z, (z,)) for z in range(3)
    ]


def test_channels_that_were_imaged_once_belong_to_the_first_plane_and_time(
    tmp_path: Path, conversion: Conversion
) -> None:
    names = [f"A01_DAPI_t{t}_z{z}.tif" for t in (1, 2) for z in (4, 5)]
    write_images(tmp_path, [*names, "A01_GFP_t2.tif", "A01_CY5_z5.tif"])
    conversion.set(microscope_type="generic")
    conversion.take(tmp_path)
    pattern = r"(?P<w>A01)_(?P<c>[A-Z0-9]+)(?:_t(?P<t>\d))?(?:_z(?P<z>\d))?\."
    assert conversion.convert(regex=pattern) == ""
    assert {(p.channel, p.t, p.z) for p in conversion.shown()} == {
        *(("DAPI", t, z) for t in (0, 1) for z in (0, 1)),
        ("GFP", 1, 0),
        ("CY5", 0, 1),
    }
