import io
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from tmclient import ResourceError, pixels
from tmclient.conversion import convert_image

RAMP = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiffs_become_pngs_with_the_same_pixels(tmp_path: Path, dtype: type) -> None:
    image: NDArray[Any] = RAMP.astype(dtype)
    byteorders: tuple[Literal["<", ">"], ...] = ("<", ">")
    for byteorder in byteorders:
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
