"""Measures how points, such as spots, lie in the objects that enclose them."""

from typing import NamedTuple

import pandas as pd

from tmlib.jterator.arrays import LabelImage
from tmlib.jterator.figures import image_figure
from tmlib.jterator.measure.assignment import assign
from tmlib.jterator.measure.point_pattern import point_pattern

VERSION = "0.1.1"
COMPATIBLE_VERSIONS = ("0.0.1", "0.1.0")


class Output(NamedTuple):
    """One row per object, one column per feature."""

    measurements: pd.DataFrame
    figure: str


def main(
    extract_objects: LabelImage,
    ref_objects: LabelImage,
    assign_objects: LabelImage,
    aggregate: bool = False,
    plot: bool = False,
) -> Output:
    """Measure the distances of points to the border of their object and to each other.

    Parameters
    ----------
    extract_objects
        Labels of the points (y, x).
    ref_objects
        Labels of the objects in which the points lie.
    assign_objects
        Labels of the objects that get the values: the points themselves, or ones that enclose
        them.
    aggregate
        Whether several points may lie in one object that gets the values; then it gets their
        count, mean, standard deviation and sum.
    plot
        Whether to make a figure.

    Raises
    ------
    ValueError
        If values go by label, and a point has no pixel in the object of its label.
    """
    features = point_pattern(extract_objects, ref_objects)
    measurements = assign(features, extract_objects, assign_objects, aggregate=aggregate)
    figure = ""
    if plot:
        figure = image_figure("Measured", {"points": extract_objects, "objects": ref_objects})
    return Output(measurements, figure)
