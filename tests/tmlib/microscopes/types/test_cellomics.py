from pathlib import Path

import pytest

from tests.services.conversion import Conversion, write_images

EXAMPLES = {
    "AS_09125_050116030001_D03f00d0.tif": ("D03", "0", None, None, 0),
    "MFGTMP-PC_140514250001_P24f15d2.TIF": ("P24", "2", None, None, 15),
    "MFGTMP-PC_140514250001_A01f00d0o1.TIF": ("A01", "0", None, None, 0),
    "MFGTMP-PC_140514250001_AF48f00d0.TIF": ("AF48", "0", None, None, 0),
    "my plate_b2f01d1.tiff": ("B02", "1", None, None, 1),
}
METADATA_FILES = ()
OTHER_FILES = ("AS_09125_050116030001_D03f00d0.DIB", "AS_09125_050116030001.mdb", "D03.tif")

HUMAN = Path(__file__).parents[5] / "shared" / "data" / "human"


def test_fields_are_laid_out_and_channels_kept_apart(
    tmp_path: Path, conversion: Conversion
) -> None:
    names = [f"AS_1_D{w:02d}f{f:02d}d{d}.tif" for w in (3, 4) for f in range(4) for d in range(2)]
    write_images(tmp_path, names)
    conversion.set(microscope_type="cellomics", plate_format=384)
    conversion.take(tmp_path)
    assert conversion.convert(n_vertical=2, n_horizontal=2, stitch_layout="zigzag_horizontal") == ""
    assert conversion.cells()["AS_1_D04f02d1.tif"] == ("D04", 1, 1)
    assert {p.channel for p in conversion.shown()} == {"0", "1"}


@pytest.mark.skipif(not HUMAN.is_dir(), reason="the real images are not at hand")
def test_real_images_are_understood(conversion: Conversion) -> None:
    conversion.set(microscope_type="cellomics")
    assert len(conversion.take(HUMAN)) == 3
    assert conversion.convert("imextract") == ""
    assert [(p.well, p.y, p.x, p.channel) for p in conversion.shown()] == [
        ("D03", 0, 0, channel) for channel in "012"
    ]
