"""Grows secondary objects, such as cells, from primary ones, such as nuclei."""

from typing import Any

import mahotas
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from tmlib.jterator.arrays import BinaryImage, IntensityImage, LabelImage

_GRADIENT_BLUR = 1.0
# A pixel further away from the nucleus counts as much as this share of the typical gradient.
_DISTANCE_WEIGHT = 0.15


def flood(primary: LabelImage, image: IntensityImage, foreground: BinaryImage) -> LabelImage:
    """Give each foreground pixel to the primary object from which the brightest way leads to it.

    Parameters
    ----------
    primary
        Labels of the primary objects (y, x), which stay as they are.
    image
        Gray values of the secondary objects.
    foreground
        Where secondary objects are; primary objects belong to it in any case.

    Returns
    -------
    LabelImage
        Objects without holes, each with the label of the primary object it contains.

    Notes
    -----
    This is how the original grew objects: by watershed on the inverted gray values, from the
    primary objects and from the background at once, which so gets what no primary object lies in.
    """
    if not primary.any():
        return np.zeros_like(primary)
    foreground = foreground | (primary > 0)
    background = int(primary.max()) + 1
    rim = ndimage.binary_dilation(foreground) & ~foreground
    seeds = np.where(rim, background, primary)
    # mahotas never visits pixels of the largest height: background that touches no foreground
    # cannot change anything, but takes most of the time.
    height = (~image).astype(np.int32)
    height[~(foreground | rim)] = np.iinfo(np.int32).max
    labels = mahotas.cwatershed(height, seeds)
    labels[labels == background] = 0
    return _without_holes(labels.astype(np.int32))


def without_outlines(labels: LabelImage, primary: LabelImage) -> LabelImage:
    """Take the outermost pixels from objects, so that none touches another; not primary ones."""
    inner = np.where(mahotas.labeled.borders(labels), 0, labels)
    return np.where(primary > 0, primary, inner).astype(np.int32)


def grow(primary: LabelImage, image: IntensityImage, foreground: BinaryImage) -> LabelImage:
    """Give each foreground pixel that can be reached to one of the primary objects.

    Parameters
    ----------
    primary
        Labels of the primary objects (y, x), which stay as they are.
    image
        Gray values of the secondary objects.
    foreground
        Where secondary objects are; primary objects belong to it in any case.

    Returns
    -------
    LabelImage
        Objects without holes, each with the label of the primary object it contains.

    Notes
    -----
    Watershed from the primary objects on the gradient of the image, so that objects meet at edges
    and at bright or dark lines. Where the image shows none they meet half way: the distance to
    the primary objects is added to the gradient, in the spirit of Jones T, Carpenter A,
    Golland P (2005), "Voronoi-based segmentation of cells on image manifolds".
    """
    if not primary.any():
        return np.zeros_like(primary)
    foreground = foreground | (primary > 0)
    gradient = ndimage.gaussian_gradient_magnitude(image.astype(np.float64), _GRADIENT_BLUR)
    typical = float(np.median(gradient[foreground])) or 1.0
    distance = ndimage.distance_transform_edt(primary == 0)
    barrier = gradient / typical + _DISTANCE_WEIGHT * distance
    # scikit-image has no types for this function
    labels = watershed(barrier, primary, mask=foreground)  # type: ignore[no-untyped-call]
    return _without_holes(labels.astype(np.int32))


def _without_holes(labels: LabelImage) -> LabelImage:
    """Give background that a single object encloses to that object."""
    padded = np.pad(labels, 1)
    holes, n = ndimage.label(padded == 0)
    numbers = np.arange(n + 1)
    around = ndimage.generate_binary_structure(2, 1)
    largest = ndimage.maximum_filter(padded, footprint=around)
    nothing = np.iinfo(np.int32).max
    smallest = ndimage.minimum_filter(np.where(padded == 0, nothing, padded), footprint=around)
    one: NDArray[Any] = ndimage.maximum(largest, holes, numbers)
    other: NDArray[Any] = ndimage.minimum(smallest, holes, numbers)
    owner = np.where(one == other, one, 0).astype(np.int32)
    # Nothing encloses what is connected to the outside of the image.
    owner[[0, holes[0, 0]]] = 0
    filled: LabelImage = np.where(padded == 0, owner[holes], padded)[1:-1, 1:-1]
    return filled
