"""Measures how crowded objects are."""

from typing import Annotated, NamedTuple

import pandas as pd
from pydantic import Field

from tmlib.jterator.arrays import LabelImage
from tmlib.jterator.figures import image_figure
from tmlib.jterator.measure.assignment import assign
from tmlib.jterator.measure.neighbours import neighbours

VERSION = "0.0.1"


class Output(NamedTuple):
    """One row per object, one column per feature."""

    measurements: pd.DataFrame
    figure: str


def main(
    extract_objects: LabelImage,
    assign_objects: LabelImage,
    neighbour_distance: Annotated[int, Field(ge=0)] = 3,
    touching_distance: Annotated[int, Field(ge=0)] = 3,
    plot: bool = False,
) -> Output:
    """Count the neighbours of objects, and measure how much of their border touches others.

    Parameters
    ----------
    extract_objects
        Labels of the objects that are measured (y, x).
    assign_objects
        Labels of the objects that get the values: the same ones, or ones with the same labels
        that enclose them.
    neighbour_distance
        Greatest distance of neighbours in pixels; 1 if there is nothing in between.
    touching_distance
        Greatest distance in pixels at which a pixel of the border touches another object.
    plot
        Whether to make a figure.

    Raises
    ------
    ValueError
        If values go by label, and a measured object has no pixel in the one of its label.
    """
    features = neighbours(
        extract_objects,
        neighbour_distance=neighbour_distance,
        touching_distance=touching_distance,
    )
    measurements = assign(features, extract_objects, assign_objects, aggregate=False)
    figure = image_figure("Measured", {"objects": extract_objects}) if plot else ""
    return Output(measurements, figure)
