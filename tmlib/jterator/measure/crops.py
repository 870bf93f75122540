"""Images of single objects, in stacks of objects of similar size.

A filter that looks at the surroundings of a pixel must not see the objects that touch. With each
object alone on zeros, one pass over a stack filters many objects at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tmlib.jterator.measure.regions import Regions

# Pixels of a stack: few enough for the cache of a processor core, enough to do much in one call.
_STACK_SIZE = 2**17


@dataclass(frozen=True)
class Crops:
    """A stack of images, one for each of some objects.

    Attributes
    ----------
    objects
        Index (not label) of each object in the regions.
    height, width
        Of each object.
    margin
        Number of pixels around the objects on each side, at least.
    shape
        Shape of the stack (objects, y, x), which has room for the largest object.
    pixels
        Index of each pixel of the objects in the regions.
    positions
        Position of each pixel of the objects in the flattened stack.
    """

    objects: NDArray[np.int64]
    height: NDArray[np.int64]
    width: NDArray[np.int64]
    margin: int
    shape: tuple[int, int, int]
    pixels: NDArray[np.int64]
    positions: NDArray[np.int64]

    def place(self, values: NDArray[Any]) -> NDArray[Any]:
        """The stack of images of one value per pixel of the regions, with zeros elsewhere."""
        stack = np.zeros(self.shape, values.dtype)
        stack.ravel()[self.positions] = values[self.pixels]
        return stack

    def mask(self) -> NDArray[np.bool_]:
        """Which pixels of the stack are of an object."""
        stack = np.zeros(self.shape, bool)
        stack.ravel()[self.positions] = True
        return stack

    def boxes(self) -> NDArray[np.bool_]:
        """Which pixels of the stack are in the bounding box of its object or next to it."""
        first = self.margin - 1
        y, x = np.arange(self.shape[1]), np.arange(self.shape[2])
        rows = (y >= first) & (y < first + 2 + self.height[:, None])
        columns = (x >= first) & (x < first + 2 + self.width[:, None])
        inside: NDArray[np.bool_] = rows[:, :, None] & columns[:, None, :]
        return inside


def crops(regions: Regions, *, margin: int) -> Iterator[Crops]:
    """Stacks that hold all objects between them, each one once, the small ones first."""
    order = np.lexsort((regions.width, regions.height))
    first = 0
    while first < len(order):
        last = _end_of_stack(regions, order, first, margin)
        yield _crops_of(regions, order[first:last], margin)
        first = last


def _end_of_stack(regions: Regions, order: NDArray[np.intp], first: int, margin: int) -> int:
    candidates = order[first : first + _STACK_SIZE // (2 * margin + 1) ** 2 + 1]
    height = np.maximum.accumulate(regions.height[candidates]) + 2 * margin
    width = np.maximum.accumulate(regions.width[candidates]) + 2 * margin
    size = height * width * np.arange(1, len(candidates) + 1)
    return first + max(1, int(np.searchsorted(size, _STACK_SIZE, side="right")))


def _crops_of(regions: Regions, objects: NDArray[np.intp], margin: int) -> Crops:
    height, width, area = regions.height[objects], regions.width[objects], regions.area[objects]
    shape = (len(objects), int(height.max()) + 2 * margin, int(width.max()) + 2 * margin)
    ends = np.cumsum(area)
    pixels = np.arange(ends[-1]) + np.repeat(regions.starts[objects] - ends + area, area)
    corners = np.arange(len(objects)) * (shape[1] * shape[2]) + margin * (shape[2] + 1)
    positions = np.repeat(corners, area)
    positions += regions.local_y[pixels] * shape[2] + regions.local_x[pixels]
    return Crops(objects, height, width, margin, shape, pixels, positions)
