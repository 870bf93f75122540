"""The surface of cells, from beads that lie on them and on the slide."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator

from tmlib.jterator.arrays import IntensityImage, MaskImage
from tmlib.jterator.segment.blobs import detect

_BRIGHTEST = 99.999
_MIN_BEADS = 3
_OUTLIER = 3.0
_ROUNDS = 10
_FINEST_SPREAD = 0.5

_Float = NDArray[np.float64]
_Integers = NDArray[np.int64]


def find_beads(
    stack: IntensityImage, *, threshold: float, size: float, superpixel_size: int
) -> _Integers:
    """Find beads; their positions (n, 3) as y, x and z.

    Parameters
    ----------
    stack
        Gray values (y, x, z).
    threshold
        Level of the maximum projection, enhanced for spots, that beads exceed.
    size
        Diameter of a bead in pixels.
    superpixel_size
        Side in pixels of the squares of which each keeps its brightest bead only.
    """
    projection = stack.max(axis=2)
    found = detect(
        _enhanced(projection, size),
        np.ones(projection.shape, bool),
        threshold=threshold,
        min_area=1,
        max_area=np.inf,
    )
    y, x = np.nonzero(found.centroids)
    brightest_first = np.argsort(projection[y, x], kind="stable")[::-1]
    y, x = y[brightest_first], x[brightest_first]
    n_columns = -(-projection.shape[1] // superpixel_size)
    _, kept = np.unique(y // superpixel_size * n_columns + x // superpixel_size, return_index=True)
    y, x = y[kept], x[kept]
    return np.stack([y, x, stack[y, x].argmax(axis=1)], axis=1)


def _enhanced(projection: IntensityImage, size: float) -> _Float:
    """How much a bead there is at each pixel, in gray values per square pixel.

    The Laplacian of the Gaussian to which a disk of this diameter answers most. Single hot pixels
    do not count, see `tmlib.jterator.segment.blobs.enhance`.
    """
    limited = np.minimum(projection, np.percentile(projection, _BRIGHTEST)).astype(np.float64)
    # The filter is cut off and does not add up to 0, so even ground would answer to it.
    limited -= np.median(limited)
    sigma = size / np.sqrt(8)
    response: _Float = -ndimage.gaussian_laplace(limited, sigma, mode="nearest")
    return response


def fit_slide(beads: _Integers) -> _Float:
    """The plane z = a y + b x + c of the slide: a, b and c.

    Parameters
    ----------
    beads
        Positions of beads outside of cells. Those far from the plane that the others form do not
        count. With fewer than three, or all on one line, the slide is taken as level.

    Raises
    ------
    ValueError
        If there are none.
    """
    if not len(beads):
        raise ValueError(
            "the plane of the slide cannot be told from 0 beads outside of the mask; "
            "lower the threshold if there are more"
        )
    design = np.column_stack([beads[:, :2], np.ones(len(beads))]).astype(np.float64)
    z = beads[:, 2].astype(np.float64)
    plane = np.array([0.0, 0.0, np.median(z)])
    if len(beads) < _MIN_BEADS or np.linalg.matrix_rank(design) < _MIN_BEADS:
        return plane
    is_slide = np.zeros(len(z), bool)
    for _ in range(_ROUNDS):
        distance = np.abs(z - design @ plane)
        spread = max(1.4826 * float(np.median(distance)), _FINEST_SPREAD)
        chosen = distance <= _OUTLIER * spread
        if np.linalg.matrix_rank(design[chosen]) < _MIN_BEADS or (chosen == is_slide).all():
            break
        is_slide = chosen
        plane = np.linalg.lstsq(design[is_slide], z[is_slide], rcond=None)[0]
    return plane


def height_map(beads: _Integers, plane: _Float, mask: MaskImage) -> _Float:
    """Height of the surface above the slide in focal planes (y, x); 0 outside of the mask.

    Between beads it is interpolated linearly, beyond the outermost it is that of the closest.
    """
    places = beads[:, :2]
    heights = np.maximum(beads[:, 2] - (places @ plane[:2] + plane[2]), 0)
    grid = np.nonzero(mask > 0)
    surface = np.zeros(mask.shape)
    inside: _Float = np.full(len(grid[0]), np.nan)
    if np.linalg.matrix_rank(places - places[0]) == 2:
        inside = LinearNDInterpolator(places, heights)(*grid)
    beyond = np.isnan(inside)
    inside[beyond] = NearestNDInterpolator(places, heights)(*(axis[beyond] for axis in grid))
    surface[grid] = inside
    return surface


def close(surface: _Float, radius: int) -> _Float:
    """Fill dents of a surface in which a disk of this radius finds no room."""
    offsets = np.arange(-radius, radius + 1)
    disk = np.hypot(offsets[:, None], offsets) <= radius
    closed: _Float = ndimage.grey_closing(surface, footprint=disk, mode="nearest")
    return closed
