"""Objects of all shapes in an image with texture."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label as connected_components


@pytest.fixture(scope="session")
def blobs() -> NDArray[np.int32]:
    """Objects of all shapes, touching ones among them."""
    noise = ndimage.gaussian_filter(np.random.default_rng(3).random((150, 160)), 3)
    labels = connected_components(noise > np.median(noise) + 0.01).astype(np.int32)
    labels[:, 80:] *= 3
    return labels


@pytest.fixture(scope="session", params=[np.uint8, np.uint16])
def texture_image(request: pytest.FixtureRequest) -> NDArray[np.unsignedinteger]:
    """Gray values that vary over a few pixels, and from pixel to pixel."""
    random = np.random.default_rng(5)
    image = ndimage.gaussian_filter(random.random((150, 160)), 2) + 0.02 * random.random((150, 160))
    image = (image - image.min()) / np.ptp(image)
    return (image * (250 if request.param is np.uint8 else 40_000)).astype(request.param)
