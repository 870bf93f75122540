"""Texture against mahotas and scikit-image, object by object on images of single objects."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import mahotas
import numpy as np
import pandas as pd
import pytest
from mahotas.features import haralick, pftas
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import local_binary_pattern
from skimage.measure import regionprops

from tmlib.jterator.measure.texture import texture

Labels = NDArray[np.int32]
Image = NDArray[np.unsignedinteger]

pytestmark = pytest.mark.slow

TAS_GROUPS = ("center", "mu-margin", "mu", "n-center", "n-mu-margin", "n-mu")
HARALICK_NAMES = (
    *("angular-second-moment", "contrast", "correlation", "sum-of-squares"),
    *("inverse-diff-moment", "sum-avg", "sum-var", "sum-entropy", "entropy"),
    *("diff-var", "diff-entropy", "info-measure-corr-1", "info-measure-corr-2"),
)


def expect(
    found: pd.DataFrame,
    labels: Labels,
    image: Image,
    names: Sequence[str],
    reference: Callable[[Image], NDArray[np.float64]],
    *,
    padding: int = 1,
    rtol: float = 1e-9,
    atol: float = 1e-10,
) -> None:
    """Compare columns to the values of images of single objects, black around the object."""
    for region in regionprops(labels, image):
        alone = np.pad(np.where(region.image, region.image_intensity, 0), padding)
        expected = reference(alone.astype(image.dtype))
        columns = [f"Texture_{name}" for name in names]
        np.testing.assert_allclose(
            found.loc[region.label, columns].to_numpy(float), expected, rtol=rtol, atol=atol
        )


def test_gabor_responses_are_those_of_the_plain_filter(blobs: Labels, texture_image: Image) -> None:
    def responses(alone: Image) -> NDArray[np.float64]:
        inside = alone > 0
        y, x = (v - v.mean() for v in np.nonzero(inside))
        sigma = np.sqrt(inside.sum() / np.pi) / 3
        gauss = 1000 / (2 * np.pi * sigma**2) * np.exp(-(y**2 + x**2) / (2 * sigma**2))
        values = alone[inside] - alone[inside].mean()
        best = []
        for period in (1, 5, 10):
            angles = np.arange(4) * np.pi / 4
            phases = (
                2 * np.pi / period * (np.outer(np.cos(angles), y) + np.outer(np.sin(angles), x))
            )
            best.append(abs((gauss * np.exp(1j * phases) * values).sum(axis=1)).max())
        return np.array(best)

    image = np.maximum(texture_image, 1)
    found = texture(blobs, image, frequencies=[1, 5, 10])
    names = [f"Gabor-frequency-{n}" for n in (1, 5, 10)]
    expect(found, blobs, image, names, responses, rtol=1e-7, atol=1e-6)


def test_hu_moments_are_those_of_scikit_image(blobs: Labels, texture_image: Image) -> None:
    found = texture(blobs, texture_image)
    for region in regionprops(blobs, texture_image):
        np.testing.assert_allclose(
            found.loc[region.label, [f"Texture_Hu-{i}" for i in range(7)]].to_numpy(float),
            region.moments_weighted_hu,
            rtol=1e-6,
            atol=1e-13,
        )


def test_threshold_adjacency_is_that_of_mahotas(blobs: Labels, texture_image: Image) -> None:
    found = texture(blobs, texture_image, measure_tas=True)
    threshold = mahotas.otsu(texture_image)
    names = [f"TAS-{group}-{i}" for group in TAS_GROUPS for i in range(9)]
    expect(found, blobs, texture_image, names, lambda alone: pftas(alone, threshold))


def count_patterns(codes: NDArray[np.integer]) -> NDArray[np.integer]:
    """Number of pixels by pattern; of all codes that are turns of each other the least stands."""

    def least(codes: NDArray[np.integer]) -> NDArray[np.integer]:
        return np.min([((codes >> n) | (codes << (8 - n))) & 255 for n in range(8)], axis=0)

    return np.bincount(least(codes).ravel(), minlength=256)[np.unique(least(np.arange(256)))]


@pytest.mark.parametrize("radius", [1, 3, 5, 10])
def test_local_binary_patterns_are_those_of_the_plain_definition(
    blobs: Labels, texture_image: Image, radius: int
) -> None:
    found = texture(blobs, texture_image, measure_lbp=True, radii=[radius])

    def patterns(alone: Image) -> NDArray[np.float64]:
        pixels = np.pad(alone, radius + 2).astype(np.float64)
        codes = np.zeros(pixels.shape, int)
        for bit, angle in enumerate(np.arange(8) * np.pi / 4):
            step = radius * np.array([np.sin(angle), np.cos(angle)])
            # rounding errors make no point brighter than the pixel
            codes += (ndimage.shift(pixels, step, order=1) > pixels + 1e-6) << bit
        inner = slice(radius + 2, -radius - 2)
        return count_patterns(codes[inner, inner]).astype(np.float64)

    names = [f"LBP-radius-{radius}-{i}" for i in range(36)]
    expect(found, blobs, texture_image, names, patterns)


@pytest.mark.parametrize("radius", [1, 5])
def test_local_binary_patterns_are_those_of_scikit_image(radius: int) -> None:
    labels = np.ones((30, 40), np.int32)
    image = np.random.default_rng(0).integers(1, 2**16, labels.shape, dtype=np.uint16)
    found = texture(labels, image, measure_lbp=True, radii=[radius])
    # scikit-image takes equal values for brighter, the negative has them the other way round; and
    # it goes round the circle the other way
    with warnings.catch_warnings(action="ignore"):
        negative = -np.pad(image, 1)[::-1].astype(np.float64)
        codes = 255 - local_binary_pattern(negative, 8, radius).astype(int)
    names = [f"Texture_LBP-radius-{radius}-{i}" for i in range(36)]
    np.testing.assert_array_equal(found.loc[1, names].to_numpy(float), count_patterns(codes))


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_haralick_features_are_those_of_mahotas(
    blobs: Labels, texture_image: Image, scale: int
) -> None:
    found = texture(blobs, texture_image, measure_haralick=True, scales=[scale])
    limit = np.percentile(texture_image, 99.999)

    def features(alone: Image) -> NDArray[np.float64]:
        stretched = mahotas.stretch(np.minimum(alone, limit))
        try:
            return haralick(stretched, ignore_zeros=True, return_mean=True, distance=scale)
        except ValueError:  # no pair in some direction
            return np.full(13, np.nan)

    names = [f"Haralick-{name}-{scale}" for name in HARALICK_NAMES]
    expect(found, blobs, texture_image, names, features, rtol=1e-8, atol=1e-7)


def test_haralick_features_of_flat_and_tiny_objects() -> None:
    labels = np.zeros((12, 30), np.int32)
    labels[2:8, 2:9] = 1
    labels[4, 20:24] = 2
    labels[8:11, 20:23] = 3
    image = np.where(labels == 3, 0, 90).astype(np.uint8)
    found = texture(labels, image, measure_haralick=True, scales=[1])
    flat = found.loc[1].filter(like="Haralick")
    assert flat["Texture_Haralick-angular-second-moment-1"] == 1
    assert flat["Texture_Haralick-correlation-1"] == 1
    assert flat["Texture_Haralick-entropy-1"] == 0
    assert flat["Texture_Haralick-info-measure-corr-1-1"] == 0
    assert found.filter(like="Haralick").loc[[2, 3]].isna().all(axis=None)


def test_the_order_of_settings_does_not_matter(blobs: Labels, texture_image: Image) -> None:
    settings: dict[str, Any] = {"frequencies": (10, 1), "radii": (5, 2), "scales": (2, 1)}
    turned: dict[str, Any] = {name: frozenset(values) for name, values in settings.items()}
    switches: dict[str, Any] = {"measure_tas": True, "measure_lbp": True, "measure_haralick": True}
    found = texture(blobs, texture_image, **settings, **switches)
    assert list(found)[:2] == ["Texture_Gabor-frequency-1", "Texture_Gabor-frequency-10"]
    assert len(found.columns) == 2 + 54 + 7 + 72 + 26
    pd.testing.assert_frame_equal(found, texture(blobs, texture_image, **turned, **switches))


def test_what_cannot_be_measured_is_refused(blobs: Labels, texture_image: Image) -> None:
    with pytest.raises(ValueError, match="shape"):
        texture(blobs[1:], texture_image)
    with pytest.raises(ValueError, match="8 or 16 bit"):
        texture(blobs, texture_image.astype(np.float32))  # type: ignore[arg-type] # what is tried
    with pytest.raises(ValueError, match=r"frequencies .* 0 is not"):
        texture(blobs, texture_image, frequencies=[1, 0])
    with pytest.raises(ValueError, match=r"radii .* 1.5 is not"):
        texture(blobs, texture_image, measure_lbp=True, radii=[1.5])  # type: ignore[list-item] # what is tried
