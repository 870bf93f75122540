"""Cuts clumps of touching objects apart.

The landscape in which objects are hills is the distance to the background, times how bright a
pixel is compared to its surroundings: necks between objects are valleys in it, and so are dark
seams and steps of brightness between objects that overlap. Its watershed gives more fragments
than there are objects. Fragments are joined again where the saddle between two hills is almost as
high as the lower one; as only the ratio counts, small and large objects are treated alike.
Necks are cut in order of their depth, and an object that is no clump any more is left alone.

Beucher S, Meyer F (1993), "The morphological approach to segmentation: the watershed
transformation", and Malpica N et al. (1997), "Applying watershed algorithms to the segmentation of
clustered nuclei", Cytometry 28, 289-297, describe the ideas that this builds on.
"""

from dataclasses import dataclass

import mahotas
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tmlib.jterator.arrays import BinaryImage, IntensityImage, LabelImage
from tmlib.jterator.measure.morphology import form_factors
from tmlib.jterator.segment.coarse import shrunk, stretched
from tmlib.jterator.segment.fragments import (
    EIGHT_NEIGHBOURS,
    Fragments,
    in_reading_order,
    tops,
)

_SADDLES = (0.8, 0.9, 0.96)
"""Ratios of saddle to lower hill below which clumps are cut, in the order of the attempts."""

_DISTANCE_BLUR = 1.0
_FINE_BLUR = 0.25
_COARSE_BLUR = 1.0

SPLINTER = 10
"""Pieces with fewer pixels are splinters."""

_Float = NDArray[np.float32]
_Integers = NDArray[np.int32] | NDArray[np.int64]


@dataclass(frozen=True)
class ClumpCriteria:
    """What a clump is, and how small its parts may be.

    Attributes
    ----------
    min_area, max_area
        Clumps have an area within these bounds, in pixels.
    max_convexity
        Clumps fill at most this share of their convex hull.
    max_circularity
        Clumps are at most this circular (1 is a disk).
    min_cut_area
        Cuts that would make a smaller fragment, in pixels, are not made.
    """

    min_area: float
    max_area: float
    max_convexity: float
    max_circularity: float
    min_cut_area: float

    def clumps(self, labels: LabelImage | _Integers) -> _Integers:
        """Labels of the objects that are clumps."""
        factors = form_factors(labels)
        return factors.labels[
            (factors.area >= self.min_area)
            & (factors.area <= self.max_area)
            & (factors.convexity <= self.max_convexity)
            & (factors.circularity <= self.max_circularity)
        ]


def separate(
    mask: BinaryImage, image: IntensityImage, criteria: ClumpCriteria, *, trim: bool
) -> LabelImage:
    """Label the objects of a mask after cutting those that are clumps.

    Parameters
    ----------
    mask
        Foreground (y, x).
    image
        Gray values of the objects.
    criteria
        What is cut.
    trim
        Whether to remove splinters of fewer than 10 pixels that cuts leave behind.

    Returns
    -------
    LabelImage
        Objects numbered from 1 in reading order.
    """
    objects, n_objects = ndimage.label(mask, EIGHT_NEIGHBOURS)
    clumps = criteria.clumps(objects)
    is_clump = np.zeros(n_objects + 1, bool)
    is_clump[clumps] = True
    if not clumps.size:
        return in_reading_order(objects)
    # Objects that are no clumps lie in the landscape, too: how high hills are depends on all.
    fragments = Fragments.of(is_clump[objects], _landscape(mask, image))
    n_fragments = len(fragments.area)
    pixels = np.flatnonzero(fragments.labels)
    owner = np.zeros(n_fragments, np.int32)
    owner[fragments.labels.ravel()[pixels]] = objects.ravel()[pixels]
    uncut = owner
    for ratio in _SADDLES:
        if not clumps.size:
            break
        groups = _join(fragments, ratio, criteria.min_cut_area, owner)
        is_cut = np.isin(owner, clumps)
        owner = np.where(is_cut, owner.max() + 1 + groups, owner).astype(np.int32)
        clumps = criteria.clumps(np.where(is_cut, owner, 0)[fragments.labels])
    is_splinter = np.zeros(n_fragments, bool)
    if trim:
        parts = np.unique(np.stack([uncut, owner]), axis=1)
        n_parts = np.bincount(parts[0])
        sizes = np.bincount(owner, weights=fragments.area)
        is_splinter = (n_parts[uncut] > 1) & (sizes[owner] < SPLINTER)
        is_splinter[0] = False
    numbers = np.where(is_splinter, 0, n_objects + owner).astype(np.int32)
    labels = objects.copy()
    labels.ravel()[pixels] = numbers[fragments.labels.ravel()[pixels]]
    return in_reading_order(labels)


def _landscape(mask: BinaryImage, image: IntensityImage) -> _Float:
    """Hills where objects are; see the top of this module.

    Brightness is compared between averages over a quarter of and over the whole typical radius
    of the objects, the median height of the hills of the distance. Both are computed on a grid
    that is a fifth of the radius wide, as they hold nothing finer.
    """
    # Beyond the border of the image an object goes on as it meets the border.
    distance = np.sqrt(mahotas.distance(np.pad(mask, 1, mode="edge"))[1:-1, 1:-1])
    distance = ndimage.gaussian_filter(distance.astype(np.float32), _DISTANCE_BLUR) * mask
    heights = distance[tops(distance) & mask]
    if not heights.size:
        return np.zeros(mask.shape, np.float32)
    radius = max(float(np.median(heights)), 2.0)
    background = float(np.median(image[~mask])) if not mask.all() else 0.0
    brightness = np.where(mask, np.maximum(image - np.float32(background), 0), np.float32(0))
    step = max(1, round(radius / 5))
    light, inside = shrunk(brightness, step), shrunk(mask, step)

    def average(blur: float) -> _Float:
        sigma = blur * radius / step
        weight = np.maximum(ndimage.gaussian_filter(inside, sigma), 1e-6)
        mean: _Float = ndimage.gaussian_filter(light, sigma) / weight
        return mean

    contrast = np.asarray(average(_FINE_BLUR) / np.maximum(average(_COARSE_BLUR), 1e-6))
    landscape: _Float = distance * stretched(contrast.astype(np.float32), step, mask.shape)
    return landscape


def _join(fragments: Fragments, ratio: float, min_area: float, owner: _Integers) -> _Integers:
    """Join fragments of the same owner; the number of the group of each fragment.

    Parameters
    ----------
    ratio
        Two hills are joined if the saddle is at least this share of the lower one.
    min_area
        Fragments with fewer pixels are joined to a neighbour in any case.
    owner
        The object that each fragment belongs to.
    """
    group = list(range(len(fragments.area)))
    height, area = fragments.height.tolist(), fragments.area.tolist()

    def head(fragment: int) -> int:
        while group[fragment] != fragment:
            group[fragment] = group[group[fragment]]
            fragment = group[fragment]
        return fragment

    within = owner[fragments.saddles[:, 0]] == owner[fragments.saddles[:, 1]]
    pairs = fragments.saddles[within].tolist()
    for (a, b), saddle in zip(pairs, fragments.saddle_heights[within].tolist(), strict=True):
        low, high = sorted((head(a), head(b)), key=lambda n: (height[n], n))
        if low == high:
            continue
        if saddle >= ratio * height[low] or min(area[low], area[high]) < min_area:
            group[low] = high
            area[high] += area[low]
    return np.array([head(fragment) for fragment in group], np.int64)
