"""Segments cells or nuclei with a network of Cellpose.

Models are the published weights of the residual U-net (``cyto3``, ``nuclei``, ...), or TorchScript
of any network that gives Cellpose's flows. Needs the extra ``deep-learning``.
"""

from typing import Annotated, NamedTuple

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
    model: ModelFile = "cyto3",
    diameter: Annotated[float, Field(ge=4)] | None = None,
    threshold: float = 0.0,
    min_area: Annotated[int, Field(ge=0)] = 15,
    plot: bool = False,
) -> Output:
    """Segment objects.

    Parameters
    ----------
    intensity_image
        Gray values (y, x).
    model
        File with the model.
    diameter
        Typical diameter of the objects in pixels; the image is scaled to the diameter that the
        network was trained with. If None, it is left as it is.
    threshold
        Logit of the probability above which pixels belong to an object.
    min_area
        Smallest object in pixels.
    plot
        Whether to make a figure.

    Raises
    ------
    ValueError
        If the file is no such model.
    """
    from tmlib.jterator.networks import cellpose
    from tmlib.jterator.networks.flows import objects_of
    from tmlib.jterator.networks.models import load_model

    flows = cellpose.flows(load_model(model), intensity_image, diameter=diameter)
    labels = objects_of(flows, threshold=threshold, min_area=min_area)
    figure = ""
    if plot:
        figure = image_figure("Objects", {"image": intensity_image, "objects": labels})
    return Output(labels, figure)
