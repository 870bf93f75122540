"""Texture of objects: patterns of their gray values."""

from collections.abc import Iterable, Sequence
from typing import Any

import mahotas
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tmlib.jterator.arrays import IntensityImage
from tmlib.jterator.measure.gabor import gabor, gabor_names
from tmlib.jterator.measure.haralick import haralick, haralick_names
from tmlib.jterator.measure.hu import HU_NAMES, hu
from tmlib.jterator.measure.lbp import lbp, lbp_names
from tmlib.jterator.measure.regions import Regions, gray_values
from tmlib.jterator.measure.tas import TAS_NAMES, tas

# Percentage of the pixels of an image that are not clipped: all but artefacts.
_CLIP_PERCENTILE = 99.999


def texture(
    labels: NDArray[np.integer[Any]],
    image: IntensityImage,
    *,
    frequencies: Iterable[int] = (1, 5, 10),
    measure_tas: bool = False,
    measure_lbp: bool = False,
    radii: Iterable[int] = (1, 5, 10),
    measure_haralick: bool = False,
    scales: Iterable[int] = (1, 2),
) -> pd.DataFrame:
    """Measure the texture of each object.

    Parameters
    ----------
    labels
        Label image (y, x).
    image
        Gray values, of the same shape, 8 or 16 bit.
    frequencies
        Distances in pixels between the stripes to which Gabor filters respond.
    measure_tas
        Whether to add threshold adjacency statistics, with Otsu's threshold of the whole image.
    measure_lbp
        Whether to add local binary patterns.
    radii
        Radii in pixels of the patterns.
    measure_haralick
        Whether to add Haralick features. Gray values are clipped at the 99.999th percentile of
        the whole image.
    scales
        Distances in pixels of the pairs that are counted for Haralick features.

    Returns
    -------
    pandas.DataFrame
        Indexed by label, columns ``Texture_Gabor-frequency-...``, ``Texture_TAS-...``,
        ``Texture_Hu-...``, ``Texture_LBP-radius-...`` and ``Texture_Haralick-...``, float64;
        settings in ascending order. NaN where a feature is not defined.

    Raises
    ------
    ValueError
        If the shapes differ, the image is not of 8 or 16 bit, or a frequency, radius or scale is
        not a positive whole number.
    """
    if image.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"texture is measured in images of 8 or 16 bit, not of {image.dtype}")
    regions = Regions.of(labels)
    values = gray_values(regions, image)
    stripes = _settings("frequencies", frequencies)
    names, blocks = gabor_names(stripes), [gabor(regions, values, stripes)]
    if measure_tas:
        names += TAS_NAMES
        blocks.append(tas(regions, values, mahotas.otsu(image)))
    names += HU_NAMES
    blocks.append(hu(regions, values))
    if measure_lbp:
        circles = _settings("radii", radii)
        names += lbp_names(circles)
        blocks.append(lbp(regions, values, circles))
    if measure_haralick:
        distances = _settings("scales", scales)
        names += haralick_names(distances)
        blocks.append(haralick(regions, values, _clip_limit(image), distances))
    return pd.DataFrame(
        np.concatenate(blocks, axis=1),
        columns=[f"Texture_{name}" for name in names],
        index=pd.Index(regions.labels, name="label"),
    )


def _clip_limit(image: IntensityImage) -> float:
    return float(np.percentile(image, _CLIP_PERCENTILE)) if image.size else 0.0


def _settings(name: str, values: Iterable[int]) -> Sequence[int]:
    """Each setting once, in ascending order, so that columns do not depend on how it was written.

    Raises
    ------
    ValueError
        If one is not a positive whole number.
    """
    settings = set(values)
    for value in settings:
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise ValueError(f"{name} must be positive whole numbers, {value!r} is not")
    return sorted(int(value) for value in settings)
