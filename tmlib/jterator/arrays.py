"""The arrays that pipeline modules exchange, indexed (y, x); stacks are indexed (y, x, z)."""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray

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

MaskImage = BinaryImage | LabelImage
"""Foreground is True or positive."""

Image = IntensityImage | BinaryImage | LabelImage
"""Any of them."""
