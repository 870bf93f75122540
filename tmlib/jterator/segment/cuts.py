"""Cuts clumps in two at their necks, as often as needed, by their shape alone.

This is how the original cut clumps. The two largest parts of a clump that are far from its outline
are the seeds of a watershed on the distance to the outline, and the line between its basins is the
cut. The pieces are looked at again in the next pass: those that are still clumps are cut, too,
until no clump is left that can be.
"""

from typing import Any

import mahotas
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from tmlib.jterator.arrays import BinaryImage, LabelImage
from tmlib.jterator.segment.clumps import SPLINTER, ClumpCriteria
from tmlib.jterator.segment.fragments import EIGHT_NEIGHBOURS

_Integers = NDArray[np.integer[Any]]


def cut(mask: BinaryImage, criteria: ClumpCriteria, *, trim: bool) -> LabelImage:
    """Label the objects of a mask after cutting those that are clumps.

    Parameters
    ----------
    mask
        Foreground (y, x).
    criteria
        What is cut.
    trim
        Whether to remove splinters of fewer than 10 pixels that cuts leave behind.

    Returns
    -------
    LabelImage
        Objects numbered from 1 in reading order, with a line of background between the pieces of a
        clump, so that none touches another.
    """
    remaining = mask.copy()
    candidates = mask
    while candidates.any():
        objects, _ = ndimage.label(candidates, EIGHT_NEIGHBOURS)
        clumps = criteria.clumps(objects)
        boxes = ndimage.find_objects(objects)
        candidates = np.zeros_like(mask)
        for label in clumps:
            box = boxes[label - 1]
            clump = objects[box] == label
            pieces = _cut_in_two(clump, criteria.min_cut_area, trim=trim)
            if pieces is not None:
                remaining[box] &= ~clump | pieces
                candidates[box] |= pieces
    labels, _ = ndimage.label(remaining, EIGHT_NEIGHBOURS, output=np.int32)
    return np.asarray(labels, np.int32)


def _cut_in_two(clump: BinaryImage, min_cut_area: float, *, trim: bool) -> BinaryImage | None:
    """What is left of a clump after a cut; None if there is none, or a piece would be too small."""
    clump = np.pad(clump, 1)
    # Distances are compared as whole numbers from 0 to 255, whatever the size of the clump is.
    distance = mahotas.stretch(mahotas.distance(clump))
    seeds = _two_seeds(distance > mahotas.otsu(distance))
    basins = mahotas.cwatershed(~distance, seeds)
    line = mahotas.labeled.borders(basins, EIGHT_NEIGHBOURS) & clump
    if not line.any():
        return None
    rest: BinaryImage = clump & ~line
    pieces, n_pieces = ndimage.label(rest, EIGHT_NEIGHBOURS)
    sizes = np.bincount(pieces.ravel(), minlength=n_pieces + 1)[1:]
    if trim and n_pieces > 2 and sizes.min() < SPLINTER:
        rest &= np.append(False, sizes >= SPLINTER)[pieces]
        sizes = sizes[sizes >= SPLINTER]
    if not sizes.size or sizes.min() < min_cut_area:
        return None
    return rest[1:-1, 1:-1]


def _two_seeds(peaks: BinaryImage) -> _Integers:
    """The two largest parts of what is far from the outline.

    What is in one piece shrinks until it falls apart in two, or would vanish.
    """
    parts, n = mahotas.label(peaks)
    if n == 1:
        while n not in (0, 2):
            peaks = mahotas.open(mahotas.erode(peaks))
            smaller, n = mahotas.label(peaks)
            parts = smaller if n else parts
    largest = np.argsort(np.bincount(parts.ravel())[1:], kind="stable")[-2:] + 1
    return np.where(np.isin(parts, largest), parts, 0)


def joined(labels: LabelImage, mask: BinaryImage) -> LabelImage:
    """Give the lines of the cuts to the closest pieces, which touch then."""
    # scikit-image has no types for this function
    grown = watershed(  # type: ignore[no-untyped-call]
        np.zeros(mask.shape, np.uint8), labels, EIGHT_NEIGHBOURS, mask=mask
    )
    return np.asarray(grown, np.int32)


def parted(labels: LabelImage) -> LabelImage:
    """Leave a line of background, one pixel wide, between objects that touch, also at a corner."""
    far = np.iinfo(np.int32).max
    smallest = ndimage.minimum_filter(np.where(labels > 0, labels, far), size=3)
    return np.where(smallest < labels, 0, labels)
