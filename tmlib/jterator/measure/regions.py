"""The pixels of all objects of a label image, sorted by object."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Regions:
    """The pixels of the objects, so that a sum over each object is one call.

    Attributes
    ----------
    labels
        The label of each object, ascending.
    pixels
        Positions of the object pixels in the flattened image, sorted by object and then by
        position.
    starts
        Where the pixels of each object start; one more entry than objects.
    shape
        Height and width of the image.
    """

    labels: NDArray[np.int64]
    pixels: NDArray[np.int64]
    starts: NDArray[np.int64]
    shape: tuple[int, int]

    @classmethod
    def of(cls, label_image: NDArray[np.integer[Any]]) -> Self:
        """The regions of a two-dimensional label image; labels need not be consecutive.

        Raises
        ------
        ValueError
            If it is not two-dimensional or has negative labels.
        """
        if label_image.ndim != 2:
            raise ValueError(
                f"a label image must have 2 dimensions, this one has {label_image.ndim}"
            )
        flat = label_image.ravel()
        pixels = np.flatnonzero(flat != 0)
        values = flat[pixels]
        if values.size and values.min() < 0:
            raise ValueError("labels must not be negative")
        # few bits are sorted in a time that grows with the number of pixels only
        keys = values.astype(np.uint16) if values.size and values.max() < 2**16 else values
        order = np.argsort(keys, kind="stable")
        values = values[order]
        first = np.flatnonzero(np.r_[True, values[1:] != values[:-1]][: values.size])
        return cls(
            labels=values[first].astype(np.int64),
            pixels=pixels[order],
            starts=np.r_[first, values.size].astype(np.int64),
            shape=(label_image.shape[0], label_image.shape[1]),
        )

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def area(self) -> NDArray[np.int64]:
        """Number of pixels of each object."""
        return np.diff(self.starts)

    @cached_property
    def y(self) -> NDArray[np.int64]:
        """Row of each pixel."""
        return self.pixels // self.shape[1]

    @cached_property
    def x(self) -> NDArray[np.int64]:
        """Column of each pixel."""
        return self.pixels % self.shape[1]

    @cached_property
    def index(self) -> NDArray[np.int64]:
        """For each pixel the index (not the label) of its object."""
        return np.repeat(np.arange(len(self)), self.area)

    @cached_property
    def top(self) -> NDArray[np.int64]:
        """First row of each object."""
        return self.y[self.starts[:-1]]

    @cached_property
    def left(self) -> NDArray[np.int64]:
        """First column of each object."""
        return self.min(self.x)

    @cached_property
    def height(self) -> NDArray[np.int64]:
        """Number of rows of each object, from the first to the last."""
        return self.y[self.starts[1:] - 1] - self.top + 1

    @cached_property
    def width(self) -> NDArray[np.int64]:
        """Number of columns of each object, from the first to the last."""
        return self.max(self.x) - self.left + 1

    @cached_property
    def local_y(self) -> NDArray[np.int64]:
        """Row of each pixel, counted from the first row of its object."""
        return self.y - np.repeat(self.top, self.area)

    @cached_property
    def local_x(self) -> NDArray[np.int64]:
        """Column of each pixel, counted from the first column of its object."""
        return self.x - np.repeat(self.left, self.area)

    @cached_property
    def row_starts(self) -> NDArray[np.int64]:
        """Where the pixels of each row of each object start; one more entry than rows."""
        changes = (np.diff(self.y) != 0) | (np.diff(self.index) != 0)
        return np.flatnonzero(np.concatenate([[True], changes, [True]])[: len(self.y) + 1])

    def sum(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Sum over each object of one value per pixel."""
        if not len(self):
            return np.zeros(0)
        total: NDArray[np.float64] = np.add.reduceat(values, self.starts[:-1], dtype=np.float64)
        return total

    def max(self, values: NDArray[Any]) -> NDArray[Any]:
        """Maximum over each object of one value per pixel."""
        return self._reduce(np.maximum, values)

    def min(self, values: NDArray[Any]) -> NDArray[Any]:
        """Minimum over each object of one value per pixel."""
        return self._reduce(np.minimum, values)

    def _reduce(self, function: np.ufunc, values: NDArray[Any]) -> NDArray[Any]:
        if not len(self):
            return values[:0]
        reduced: NDArray[Any] = function.reduceat(values, self.starts[:-1])
        return reduced


def gray_values(regions: Regions, image: NDArray[Any]) -> NDArray[np.float64]:
    """The value of each pixel of the objects in an image.

    Raises
    ------
    ValueError
        If the image and the label image have different shapes.
    """
    if image.shape != regions.shape:
        raise ValueError(
            f"objects of shape {regions.shape} cannot be measured in an image of shape "
            f"{image.shape}"
        )
    return image.ravel()[regions.pixels].astype(np.float64)
