"""Measures size and shape of objects."""

from typing import NamedTuple

import pandas as pd

from tmlib.jterator.arrays import LabelImage
from tmlib.jterator.figures import image_figure
from tmlib.jterator.measure.assignment import assign
from tmlib.jterator.measure.morphology import morphology

VERSION = "0.2.0"
COMPATIBLE_VERSIONS = ("0.0.1", "0.0.2", "0.1.0", "0.1.1")


class Output(NamedTuple):
    """One row per object, one column per feature."""

    measurements: pd.DataFrame
    figure: str


def main(
    extract_objects: LabelImage,
    assign_objects: LabelImage,
    aggregate: bool = False,
    measure_zernike: bool = False,
    plot: bool = False,
) -> Output:
    """Measure position, size and form factors; all lengths in pixels.

    Parameters
    ----------
    extract_objects
        Labels of the objects that are measured (y, x).
    assign_objects
        Labels of the objects that get the values: the same ones, or ones that enclose them.
    aggregate
        Whether several measured objects may lie in one object that gets the values; then it gets
        their count, mean, standard deviation and sum.
    measure_zernike
        Whether to add Zernike moments (49 features).
    plot
        Whether to make a figure.

    Raises
    ------
    ValueError
        If values go by label, and a measured object has no pixel in the one of its label.
    """
    features = morphology(extract_objects, zernike=measure_zernike)
    measurements = assign(features, extract_objects, assign_objects, aggregate=aggregate)
    figure = image_figure("Measured", {"objects": extract_objects}) if plot else ""
    return Output(measurements, figure)
