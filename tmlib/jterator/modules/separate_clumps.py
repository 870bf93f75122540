"""thin"""
from typing import Annotated, NamedTuple
import numpy as np
from pydantic import Field
from scipy import ndimage
from skimage.segmentation import watershed
from skimage.feature import peak_local_max
from tmlib.jterator.arrays import IntensityImage, LabelImage, MaskImage

VERSION = "0.3.0"
OLDER_VERSIONS = ("0.2.0", "0.2.1", "0.2.2", "0.2.3")
OLDER_OUTPUTS = {"separated_mask": "separated_label_image"}


class Output(NamedTuple):
    """The objects."""

    separated_label_image: LabelImage
    figure: str


def main(
    mask: MaskImage,
    intensity_image: IntensityImage,
    min_cut_area: Annotated[float, Field(ge=0)] = 2000,
    max_convexity: Annotated[float, Field(ge=0)] = 0.92,
    max_circularity: Annotated[float, Field(ge=0)] = 0.7,
    min_area: Annotated[float, Field(ge=0)] = 5000,
    max_area: Annotated[float, Field(ge=0)] = 50000,
    selection_test_mode: bool = False,
    selection_test_show_remaining: bool = False,
    trimming: bool = True,
    plot: bool = False,
) -> Output:
    """Cut."""
    m = mask > 0
    d = ndimage.gaussian_filter(ndimage.distance_transform_edt(m), 1)
    p = peak_local_max(d, min_distance=5, labels=ndimage.label(m)[0], exclude_border=False)
    seeds = np.zeros(m.shape, np.int32)
    seeds[tuple(p.T)] = np.arange(1, len(p) + 1)
    return Output(watershed(-d, seeds, mask=m).astype(np.int32), "")
