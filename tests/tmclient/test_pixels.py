import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from tmclient import ResourceError, pixels
from tmclient.conversion import convert_image

RAMP = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiffs_become_pngs_with_the_same_pixels(tmp_path: Path, dtype: type) -> None:
    image = RAMP.astype(dtype)
    for byteorder in "<>":
        tifffile.imwrite(tmp_path / "a.tif", image, byteorder=byteorder)
        convert_image(tmp_path / "a.tif", tmp_path / "a.png")
        decoded = pixels.decode((tmp_path / "a.png").read_bytes())
        assert decoded.dtype == dtype
        assert np.array_equal(decoded, image)


@pytest.mark.parametrize("shape", [(2, 16, 16), (16, 16, 3)])
def test_other_images_are_not_converted(tmp_path: Path, shape: tuple[int, ...]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros(shape, np.uint8))
    with pytest.raises(ResourceError, match=r"a\.tif cannot be converted"):
        convert_image(tmp_path / "a.tif", tmp_path / "a.png")


def test_tiffs_are_decoded() -> None:
    content = io.BytesIO()
    tifffile.imwrite(content, RAMP)
    assert np.array_equal(pixels.decode(content.getvalue()), RAMP)


def test_labels_go_into_files_and_back(tmp_path: Path) -> None:
    labels = RAMP.astype(np.int32)
    pixels.write_labels(tmp_path / "labels.png", labels)
    read = pixels.read_labels(tmp_path / "labels.png")
    assert read.dtype == np.int32
    assert np.array_equal(read, labels)


def test_labels_that_do_not_fit_are_named(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="Labels up to 65536"):
        pixels.write_labels(tmp_path / "labels.png", np.full((2, 2), 65536, np.int32))


def test_what_is_no_label_image_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="not a PNG"):
        pixels.read_labels(tmp_path / "labels.tif")
    (tmp_path / "text.png").write_text("no pixels")
    with pytest.raises(ResourceError, match=r"text\.png cannot be read"):
        pixels.read_labels(tmp_path / "text.png")
    Image.new("RGB", (2, 2)).save(tmp_path / "colour.png")
    with pytest.raises(ResourceError, match="in colour"):
        pixels.read_labels(tmp_path / "colour.png")
