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
        pixels = np.flatnonzero(flat)
        values = flat[pixels]
        if values.size and values.min() < 0:
            raise ValueError("labels must not be negative")
        order = np.argsort(values, kind="stable")
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

    def sum(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Sum over each object of one value per pixel."""
        total = np.bincount(self.index, weights=values, minlength=len(self))
        return total.astype(np.float64, copy=False)

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
