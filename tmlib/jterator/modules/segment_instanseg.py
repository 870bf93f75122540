"""Segments nuclei or cells with InstanSeg, a neural network.

Models are the TorchScript files that InstanSeg ships (``.pt``). Needs the extra ``deep-learning``.
"""

from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from tmlib.jterator.arrays import IntensityImage, LabelImage, ModelFile
from tmlib.jterator.figures import image_figure

VERSION = "0.1.0"
REQUIRES = "torch"


class Output(NamedTuple):
    """The objects."""

    label_image: LabelImage
    figure: str


def main(
    intensity_image: IntensityImage,
    model: ModelFile = "fluorescence_nuclei_and_cells.pt",
    target: Literal["nuclei", "cells"] = "nuclei",
    pixel_size: Annotated[float, Field(gt=0)] | None = None,
    plot: bool = False,
) -> Output:
    """Segment objects.

    Parameters
    ----------
    intensity_image
        Gray values (y, x).
    model
        File with the model.
    target
        What is wanted of a model that finds both.
    pixel_size
        Of the image in micrometres; the image is brought to the pixel size of the model. If None,
        it is left as it is.
    plot
        Whether to make a figure.

    Raises
    ------
    ValueError
        If the file is no model in TorchScript.
    """
    from tmlib.jterator.networks import instanseg
    from tmlib.jterator.networks.models import load_model

    network = load_model(model)
    if isinstance(network, dict):
        raise ValueError("the model has weights only; InstanSeg needs TorchScript")
    labels = instanseg.segment(
        network, intensity_image, cells=target == "cells", pixel_size=pixel_size
    )
    figure = ""
    if plot:
        figure = image_figure("Objects", {"image": intensity_image, "objects": labels})
    return Output(labels, figure)
