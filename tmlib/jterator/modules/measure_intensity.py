"""Measures the gray values of objects in one channel."""

from typing import NamedTuple

import pandas as pd

from tmlib.jterator.arrays import IntensityImage, LabelImage
from tmlib.jterator.figures import image_figure
from tmlib.jterator.measure.assignment import assign
from tmlib.jterator.measure.intensity import intensity

VERSION = "0.1.1"
COMPATIBLE_VERSIONS = ("0.0.1", "0.0.2", "0.1.0")


class Output(NamedTuple):
    """One row per object, one column per feature."""

    measurements: pd.DataFrame
    figure: str


def main(
    extract_objects: LabelImage,
    assign_objects: LabelImage,
    intensity_image: IntensityImage,
    aggregate: bool = False,
    plot: bool = False,
) -> Output:
    """Measure maximum, mean, minimum, sum and standard deviation of the gray values.

    Parameters
    ----------
    extract_objects
        Labels of the objects that are measured (y, x).
    assign_objects
        Labels of the objects that get the values: the same ones, or ones that enclose them.
    intensity_image
        Gray values.
    aggregate
        Whether several measured objects may lie in one object that gets the values; then it gets
        their count, mean, standard deviation and sum.
    plot
        Whether to make a figure.

    Raises
    ------
    ValueError
        If values go by label, and a measured object has no pixel in the one of its label.
    """
    features = intensity(extract_objects, intensity_image)
    measurements = assign(features, extract_objects, assign_objects, aggregate=aggregate)
    figure = ""
    if plot:
        figure = image_figure("Measured", {"image": intensity_image, "objects": extract_objects})
    return Output(measurements, figure)
