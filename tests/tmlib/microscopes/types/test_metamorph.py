import pytest

from tests.services.conversion import Conversion, write_images

EXAMPLES = {
    "exp_C04_s2_w1.TIF": ("C04", "1", None, None, 2),
    "exp_C04_s2.tif": ("C04", None, None, None, 2),
    "exp_C04_s2_w3A1B2C3D4-11.TIF": ("C04", "3", None, None, 2),
    "exp_C04_s2_w1_z3_t7.tif": ("C04", "1", 7, 3, 2),
}
METADATA_FILES = ()
OTHER_FILES = ("exp_C04_s2_w1_thumb.TIF", "exp.nd", "exp_C04_s2_w1.txt")


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        ("horizontal", [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]),
        ("zigzag_horizontal", [(0, 0), (0, 1), (0, 2), (1, 2), (1, 1), (1, 0)]),
        ("vertical", [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2)]),
        ("zigzag_vertical", [(0, 0), (1, 0), (1, 1), (0, 1), (0, 2), (1, 2)]),
    ],
)
def test_the_user_says_how_sites_lie(tmp_path, conversion: Conversion, layout, expected):
    names = [f"exp_C04_s{s}_w1.TIF" for s in range(1, 7)]
    write_images(tmp_path, names)
    conversion.set(microscope_type="metamorph")
    conversion.take(tmp_path)
    assert conversion.convert(stitch_layout=layout, n_horizontal=3, n_vertical=2) == ""
    assert conversion.cells() == {
        name: ("C04", *cell) for name, cell in zip(names, expected, strict=True)
    }
