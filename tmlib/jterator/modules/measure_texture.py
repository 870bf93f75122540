"""Measures the texture of objects in one channel."""

from typing import Annotated, NamedTuple

import pandas as pd
from pydantic import Field

from tmlib.jterator.arrays import IntensityImage, LabelImage
from tmlib.jterator.figures import image_figure
from tmlib.jterator.measure.assignment import assign
from tmlib.jterator.measure.texture import texture

VERSION = "0.3.1"
COMPATIBLE_VERSIONS = ("0.1.0", "0.2.0", "0.3.0")

Pixels = Annotated[int, Field(gt=0)]


class Output(NamedTuple):
    """One row per object, one column per feature."""

    measurements: pd.DataFrame
    figure: str


def main(
    extract_objects: LabelImage,
    assign_objects: LabelImage,
    intensity_image: IntensityImage,
    aggregate: bool = False,
    frequencies: list[Pixels] | None = None,
    measure_TAS: bool = False,  # noqa: N803 - the name that published pipelines use
    measure_LBP: bool = False,  # noqa: N803 - see above
    radii: list[Pixels] | None = None,
    measure_haralick: bool = False,
    scales: list[Pixels] | None = None,
    plot: bool = False,
) -> Output:
    """Measure Gabor filter responses and Hu moments, and on demand three further families.

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
    frequencies
        Distances in pixels between the stripes to which Gabor filters respond; 1, 5 and 10 if
        None.
    measure_TAS
        Whether to measure threshold adjacency statistics.
    measure_LBP
        Whether to measure local binary patterns.
    radii
        Radii of the patterns in pixels; 1, 5 and 10 if None.
    measure_haralick
        Whether to measure Haralick features.
    scales
        Distances in pixels of the pairs that Haralick features count; 1 and 2 if None.
    plot
        Whether to make a figure.

    Raises
    ------
    ValueError
        If values go by label, and a measured object has no pixel in the one of its label.
    """
    features = texture(
        extract_objects,
        intensity_image,
        frequencies=(1, 5, 10) if frequencies is None else frequencies,
        measure_tas=measure_TAS,
        measure_lbp=measure_LBP,
        radii=(1, 5, 10) if radii is None else radii,
        measure_haralick=measure_haralick,
        scales=(1, 2) if scales is None else scales,
    )
    measurements = assign(features, extract_objects, assign_objects, aggregate=aggregate)
    figure = ""
    if plot:
        figure = image_figure("Measured", {"image": intensity_image, "objects": extract_objects})
    return Output(measurements, figure)
