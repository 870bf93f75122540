"""The arrays that pipeline modules exchange, indexed (y, x); stacks are indexed (y, x, z)."""

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator

from tmlib.errors import BadInput
from tmlib.storage import check_file_name

IntensityImage = NDArray[np.uint8] | NDArray[np.uint16]
"""Gray values of one channel, as recorded or after a filter."""


class Stack:
    """Marks arguments of modules that may have several focal planes."""


IntensityStack = Annotated[IntensityImage, Stack]
"""Gray values of one channel: one focal plane (y, x) or several (y, x, z)."""

BinaryImage = NDArray[np.bool_]
"""Foreground is True."""

LabelImage = NDArray[np.int32]
"""Background is 0, every object has a positive number of its own."""


class PreviousObjects(NamedTuple):
    """Objects at the previous time point of the same site.

    Attributes
    ----------
    labels
        Label image (y, x); all background at the first time point.
    largest_label
        The largest label of all time points before.
    """

    labels: LabelImage
    largest_label: int


class Model:
    """Marks arguments of modules that are files of models."""


def _check_model_name(name: str) -> str:
    try:
        return check_file_name(name)
    except BadInput as error:
        raise ValueError(error.message.rstrip(".")) from None


ModelFile = Annotated[str, Model, AfterValidator(_check_model_name)]
"""A file in the folder with models: its name in handles, its path when the module runs."""

MaskImage = BinaryImage | LabelImage
"""Foreground is True or positive."""

Image = IntensityImage | BinaryImage | LabelImage
"""Any of them."""
