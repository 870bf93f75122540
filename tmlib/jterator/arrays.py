"""The arrays that pipeline modules exchange. All are two-dimensional, indexed (y, x)."""

import numpy as np
from numpy.typing import NDArray

IntensityImage = NDArray[np.uint8] | NDArray[np.uint16]
"""Gray values of one channel, as recorded or after a filter."""

BinaryImage = NDArray[np.bool_]
"""Foreground is True."""

LabelImage = NDArray[np.int32]
"""Background is 0, every object has a positive number of its own."""

MaskImage = BinaryImage | LabelImage
"""Foreground is True or positive."""
