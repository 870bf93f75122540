from pathlib import Path

from tests.services.conversion import Conversion, write_images

EXAMPLES = {
    "slide_p0DAPI.tif": (None, "DAPI", None, None, 0),
    "slide_p12GFP.tif": (None, "GFP", None, None, 12),
}
METADATA_FILES = ()
OTHER_FILES = ("slide_p12.tif.txt", "slide.czi", "slide_DAPI.tif")


def test_positions_and_channels_come_from_the_names(tmp_path: Path, conversion: Conversion) -> None:
    names = [f"slide_p{p}{c}.tif" for p in range(4) for c in ("DAPI", "GFP")]
    write_images(tmp_path, names)
    conversion.set(microscope_type="axio")
    conversion.take(tmp_path)
    assert conversion.convert() == ""
    assert {(p.well, p.y, p.x, p.channel) for p in conversion.shown()} == {
        ("A01", y, x, c) for y in range(2) for x in range(2) for c in ("DAPI", "GFP")
    }
