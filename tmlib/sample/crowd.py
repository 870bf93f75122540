"""Simulated objects without images: outlines and feature values of as many cells as are wanted.

Cells lie on a jittered grid in their site; their outlines are circles with two random harmonics.
Each cell is of one of a few phenotypes, which its feature values show.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

SITE_SIZE = 2048
"""Height and width of a site in pixels."""

_N_PHENOTYPES = 4
_MIN_VERTICES, _MAX_VERTICES = 20, 40
_RADII = (0.22, 0.4)  # of a cell, in distances between neighbours on the grid
_JITTER = 0.15  # of a cell's place, in the same unit
_UNEVEN = 0.6  # by how much the number of cells in a well differs from the mean, at most
_MISSING = 0.001  # share of cells whose last feature could not be measured
_FAMILIES = ("Intensity_mean", "Intensity_sum", "Texture_contrast", "Morphology_form")


@dataclass(frozen=True)
class Crowd:
    """The n cells of a site.

    Attributes
    ----------
    outlines
        shapely polygons in pixels of the site, x to the right and y down; whole numbers.
    centroids
        (y, x) in pixels of the site, shape (n, 2).
    is_border
        Whether a cell touches the border of the site.
    values
        Feature values, shape (n, n_features), float64; the first is the area in pixels.
    """

    outlines: NDArray[Any]
    centroids: NDArray[np.float64]
    is_border: NDArray[np.bool_]
    values: NDArray[np.float64]


def feature_names(n_features: int) -> list[str]:
    """Names of the features, in the order of their columns."""
    others = [f"{_FAMILIES[i % len(_FAMILIES)]}_{i:03d}" for i in range(1, n_features)]
    return ["Morphology_area", *others][:n_features]


def spread(n_objects: int, n_wells: int, sites_per_well: int, seed: int) -> NDArray[np.int64]:
    """Number of cells in each site, well by well; some wells have more of them than others."""
    random = np.random.default_rng((seed, 0))
    weights = np.repeat(random.uniform(1 - _UNEVEN, 1 + _UNEVEN, n_wells), sites_per_well)
    return random.multinomial(n_objects, weights / weights.sum())


def simulate_crowd(n_objects: int, n_features: int, *, site: int, well: int, seed: int) -> Crowd:
    """Simulate the cells of a site.

    Parameters
    ----------
    n_objects, n_features
        How many cells, and how many values of each.
    site, well
        Index of the site and of its well, which has its own mixture of phenotypes. A site has the
        same cells whatever else is simulated.
    seed
        Another number gives other cells.
    """
    random = np.random.default_rng((seed, 1, site))
    columns = max(1, int(np.ceil(np.sqrt(n_objects))))
    gap = SITE_SIZE / columns
    cells = np.sort(random.choice(columns**2, n_objects, replace=False))
    centres = np.stack(np.divmod(cells, columns), axis=1)[:, ::-1] + 0.5
    centres = (centres + random.uniform(-_JITTER, _JITTER, centres.shape)) * gap
    radii = random.uniform(*_RADII, n_objects) * gap
    points, owners = _outline_points(random, centres, radii)
    outlines = np.asarray(shapely.polygons(shapely.linearrings(points, indices=owners)))
    bounds = shapely.bounds(outlines).reshape(-1, 4)
    values = _values(random, n_objects, n_features, well, seed)
    values[:, :1] = shapely.area(outlines)[:, np.newaxis]
    return Crowd(
        outlines=outlines,
        centroids=shapely.get_coordinates(shapely.centroid(outlines))[:, ::-1],
        is_border=np.any((bounds <= 0) | (bounds >= SITE_SIZE), axis=1),
        values=values,
    )


def _outline_points(
    random: np.random.Generator, centres: NDArray[np.float64], radii: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Vertices (x, y) of all outlines, and which cell each belongs to.

    They are rounded to whole pixels, as outlines of label images are. Cells that would reach over
    the border of the site are moved until they touch it.
    """
    n_vertices = random.integers(_MIN_VERTICES, _MAX_VERTICES + 1, len(centres))
    owners = np.repeat(np.arange(len(centres)), n_vertices)
    starts = np.cumsum(n_vertices) - n_vertices
    angles = 2 * np.pi * (np.arange(len(owners)) - starts[owners]) / n_vertices[owners]
    phases = random.uniform(0, 2 * np.pi, (2, len(centres)))
    shape = 1 + 0.12 * np.cos(2 * angles + phases[0][owners])
    shape += 0.07 * np.cos(3 * angles + phases[1][owners])
    points = (radii[owners] * shape)[:, np.newaxis] * np.stack([np.cos(angles), np.sin(angles)], 1)
    points = np.rint(points + np.rint(centres)[owners])
    if len(centres):
        low = np.minimum.reduceat(points, starts)
        high = np.maximum.reduceat(points, starts)
        points += (np.maximum(-low, 0) - np.maximum(high - SITE_SIZE, 0))[owners]
    return points, owners


def _values(
    random: np.random.Generator, n_objects: int, n_features: int, well: int, seed: int
) -> NDArray[np.float64]:
    """Values around the means of the phenotypes, some of them missing."""
    means = np.random.default_rng((seed, 2)).normal(10, 1, (_N_PHENOTYPES, n_features))
    mixture = np.random.default_rng((seed, 3, well)).dirichlet(np.ones(_N_PHENOTYPES))
    phenotypes = random.choice(_N_PHENOTYPES, n_objects, p=mixture)
    values = random.standard_normal((n_objects, n_features)) * 0.5
    values += means[phenotypes]
    if n_features > 1:
        values[random.random(n_objects) < _MISSING, -1] = np.nan
    return values
