"""Exact outlines of the objects of a label image, along the edges of their pixels."""

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from skimage.measure import label as connected_components

_Integers = NDArray[np.int64]

# Sides of a pixel in the order in which its outline visits them on the screen, clockwise: top,
# right, bottom, left. Of each: the corner (y, x) where it starts, the step (y, x) along it, and
# the step to the pixel beyond it.
_CORNERS = np.array([(0, 0), (0, 1), (1, 1), (1, 0)])
_ALONG = np.array([(0, 1), (1, 0), (0, -1), (-1, 0)])
_BEYOND = np.array([(-1, 0), (0, 1), (1, 0), (0, -1)])


def outlines(
    labels: NDArray[np.integer[Any]],
) -> dict[int, shapely.Polygon | shapely.MultiPolygon]:
    """Outlines of all objects.

    Parameters
    ----------
    labels
        Label image (y, x), background 0.

    Returns
    -------
    dict
        By label, in ascending order: a polygon with holes as interior rings, or a multipolygon
        if parts of an object touch only at corners or not at all. Vertices are (x, y) in pixels, y
        pointing down; pixel (y, x) covers the square from (x, y) to (x + 1, y + 1), so vertices are
        integers and areas are pixel counts. All geometries are valid and cover exactly the pixels
        of their object.

    Raises
    ------
    ValueError
        If the image is not two-dimensional or has negative labels.
    """
    if labels.ndim != 2:
        raise ValueError(f"a label image must have 2 dimensions, this one has {labels.ndim}")
    if labels.size and int(labels.min()) < 0:
        raise ValueError("labels must not be negative")
    # Outlines are drawn around parts that hang together over pixel edges. Within such a part an
    # outline that comes to a corner twice can always be told into an outer and an inner ring,
    # which makes every ring simple; parts that meet at corners become separate polygons.
    # scikit-image has no types for this function
    parts = connected_components(np.pad(labels, 1), connectivity=1)  # type: ignore[no-untyped-call]
    pixels, sides = _sides(parts)
    if not pixels.size:
        return {}
    order, ring_starts = _rings(_following(parts, pixels, sides))
    pixels, sides = pixels[order], sides[order]
    polygons, first_pixels = _polygons(parts, pixels, sides, ring_starts)
    rows, columns = np.divmod(first_pixels, parts.shape[1])
    return _by_label(polygons, labels[rows - 1, columns - 1].astype(np.int64))


def _sides(parts: _Integers) -> tuple[_Integers, _Integers]:
    """Pixels (flat indices) and their sides that border another part or the background."""
    inside = parts[1:-1, 1:-1]
    width = parts.shape[1]
    found = []
    for dy, dx in _BEYOND:
        beyond = parts[1 + dy : parts.shape[0] - 1 + dy, 1 + dx : width - 1 + dx]
        y, x = np.nonzero((inside != beyond) & (inside != 0))
        found.append((y + 1) * width + x + 1)
    sides = np.repeat(np.arange(4), [len(pixels) for pixels in found])
    pixels = np.concatenate(found)
    order = np.argsort(pixels * 4 + sides)
    return pixels[order], sides[order]


def _following(parts: _Integers, pixels: _Integers, sides: _Integers) -> _Integers:
    """For each side, the index of the next one on the outline, with the object to the right.

    Where two pixels of a part meet only at a corner, the outline continues along the other pixel:
    it turns left if possible, else goes straight, else turns right around its own pixel.
    """
    flat = parts.ravel()
    width = parts.shape[1]
    along = (_ALONG @ (width, 1))[sides]
    beyond = (_BEYOND @ (width, 1))[sides]
    own = flat[pixels]
    turns_left = flat[pixels + along + beyond] == own
    goes_straight = ~turns_left & (flat[pixels + along] == own)
    next_pixels = pixels + along * (turns_left | goes_straight) + beyond * turns_left
    next_sides = np.where(turns_left, sides + 3, np.where(goes_straight, sides, sides + 1)) % 4
    following: _Integers = np.searchsorted(pixels * 4 + sides, next_pixels * 4 + next_sides)
    return following


def _rings(following: _Integers) -> tuple[_Integers, _Integers]:
    """The sides in the order of their rings, and the start of each ring."""
    successors = following.tolist()
    seen = bytearray(len(successors))
    order: list[int] = []
    starts = []
    for start in range(len(successors)):
        if seen[start]:
            continue
        starts.append(len(order))
        side = start
        while not seen[side]:
            seen[side] = 1
            order.append(side)
            side = successors[side]
    return np.array(order, np.int64), np.array(starts, np.int64)


def _polygons(
    parts: _Integers, pixels: _Integers, sides: _Integers, ring_starts: _Integers
) -> tuple[NDArray[np.object_], _Integers]:
    """One polygon per part, and one pixel (flat index) of each."""
    lengths = np.diff(np.r_[ring_starts, len(pixels)])
    ring = np.repeat(np.arange(len(ring_starts)), lengths)
    before = np.arange(-1, len(pixels) - 1)
    before[ring_starts] = ring_starts + lengths - 1
    turns = sides != sides[before]
    y, x = np.divmod(pixels[turns], parts.shape[1])
    corners = _CORNERS[sides[turns]]
    # Minus one removes the padding.
    points = np.stack([x + corners[:, 1] - 1, y + corners[:, 0] - 1], axis=1)
    rings = np.asarray(shapely.linearrings(points.astype(np.float64), indices=ring[turns]))

    # Rings come in reading order, so that the first one of a part is its outer ring.
    part = parts.ravel()[pixels[ring_starts]]
    _, outer = np.unique(part, return_index=True)
    holes = np.setdiff1d(np.arange(len(part)), outer)
    position = np.searchsorted(part[outer], part[holes])
    by_part = np.argsort(position, kind="stable")
    polygons = np.asarray(shapely.polygons(rings[outer]))
    if holes.size:
        with_holes, first = np.unique(position[by_part], return_index=True)
        for n, group in zip(with_holes, np.split(rings[holes[by_part]], first[1:]), strict=True):
            polygons[n] = shapely.polygons(rings[outer[n]], holes=group)
    return polygons, pixels[ring_starts[outer]]


def _by_label(
    polygons: NDArray[np.object_], labels: _Integers
) -> dict[int, shapely.Polygon | shapely.MultiPolygon]:
    order = np.argsort(labels, kind="stable")
    unique, first, counts = np.unique(labels[order], return_index=True, return_counts=True)
    result: dict[int, shapely.Polygon | shapely.MultiPolygon] = {}
    for label, start, count in zip(unique.tolist(), first.tolist(), counts.tolist(), strict=True):
        members = polygons[order[start : start + count]]
        result[label] = members[0] if count == 1 else shapely.MultiPolygon(members.tolist())
    return result
