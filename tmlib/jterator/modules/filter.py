"""Keeps the objects whose size or shape lies within bounds."""

from typing import Literal, NamedTuple

import numpy as np
from scipy import ndimage

from tmlib.jterator.arrays import LabelImage, MaskImage
from tmlib.jterator.figures import image_figure
from tmlib.jterator.measure.morphology import form_factors, morphology

VERSION = "0.2.0"
COMPATIBLE_VERSIONS = ("0.0.1", "0.1.0")


class Output(NamedTuple):
    """The objects that are left, numbered from 1 without gaps, in the order they had."""

    filtered_mask: LabelImage
    figure: str


def main(
    mask: MaskImage,
    feature: Literal["area", "eccentricity", "circularity", "convexity"],
    lower_threshold: float | None = None,
    upper_threshold: float | None = None,
    plot: bool = False,
) -> Output:
    """Remove objects.

    Parameters
    ----------
    mask
        Labels, or a binary mask (y, x) whose components are taken as objects; pixels that touch
        at a corner alone do not belong together.
    feature
        What the objects are chosen by; areas are in pixels.
    lower_threshold, upper_threshold
        Bounds of the feature for objects that are kept; no bound if None. Objects for which it
        is not defined, such as the circularity of a single pixel, are kept.
    plot
        Whether to make a figure.
    """
    labels: LabelImage = mask.astype(np.int32)
    if mask.dtype == np.bool_:
        labels, _ = ndimage.label(mask, output=np.int32)
    if feature == "eccentricity":
        shapes = morphology(labels)
        found, values = shapes.index.to_numpy(), shapes["Morphology_Eccentricity"].to_numpy()
    else:
        factors = form_factors(labels)
        found, values = factors.labels, getattr(factors, feature)
    is_outside = np.zeros(len(values), bool)
    if lower_threshold is not None:
        is_outside |= values < lower_threshold
    if upper_threshold is not None:
        is_outside |= values > upper_threshold
    kept = found[~is_outside]
    number = np.zeros(int(labels.max()) + 1, np.int32)
    number[kept] = np.arange(1, len(kept) + 1)
    filtered = number[labels]
    figure = image_figure("Filtered", {"before": labels, "after": filtered}) if plot else ""
    return Output(filtered, figure)
