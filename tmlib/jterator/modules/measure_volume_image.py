"""Measures height, volume and surface of objects from a height map."""

from typing import Annotated, NamedTuple

import pandas as pd
from pydantic import Field

from tmlib.jterator.arrays import IntensityImage, LabelImage
from tmlib.jterator.figures import image_figure
from tmlib.jterator.measure.assignment import assign
from tmlib.jterator.measure.volume import morphology_3d

VERSION = "0.0.4"
COMPATIBLE_VERSIONS = ("0.0.1", "0.0.2", "0.0.3")


class Output(NamedTuple):
    """One row per object, one column per feature."""

    measurements: pd.DataFrame
    figure: str


def main(
    extract_objects: LabelImage,
    assign_objects: LabelImage,
    intensity_image: IntensityImage,
    pixel_size: Annotated[float, Field(gt=0)] = 0.1625,
    z_step: Annotated[float, Field(gt=0)] = 0.25,
    plot: bool = False,
) -> Output:
    """Measure objects as solids between the slide and a height map.

    Parameters
    ----------
    extract_objects
        Labels of the objects that are measured (y, x).
    assign_objects
        Labels of the objects that get the values: the same ones, or ones with the same labels
        that enclose them.
    intensity_image
        Height above the slide in focal planes, see module ``generate_volume_image``.
    pixel_size
        Width of a pixel in micrometers.
    z_step
        Distance between focal planes in micrometers.
    plot
        Whether to make a figure.

    Raises
    ------
    ValueError
        If values go by label, and a measured object has no pixel in the one of its label.
    """
    features = morphology_3d(extract_objects, intensity_image, pixel_size=pixel_size, z_step=z_step)
    measurements = assign(features, extract_objects, assign_objects, aggregate=False)
    figure = ""
    if plot:
        figure = image_figure("Measured", {"height": intensity_image, "objects": extract_objects})
    return Output(measurements, figure)
