"""Finds where the stage put every site in its well, in pixels.

Positions that cannot be true are worse than none: a plate with any of those is laid out as a
regular grid, and the log says why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from tmlib.workflow.steps.base import logger
from tmlib.workflow.steps.site_cells import Cell, Wells

Place = tuple[float, float]
"""(y, x) of a site's upper left corner from that of its well, in pixels."""

_CLOSEST = 0.3
"""Distance of the closest neighbours, as a share of the image, below which it is no position."""

_FARTHEST = 4.0
"""The same for the typical distance of neighbours, above which the map would be all gaps."""

_SAME = 1.5
"""Pixels by which sites that lie side by side may differ from that, since positions are rounded."""


@dataclass(frozen=True)
class Camera:
    """Height and width of an image in pixels, and width of a pixel in micrometres, if known."""

    height: int
    width: int
    pixel_size: float | None


def place_sites(
    acquisitions: Sequence[Wells],
    cells: Sequence[Mapping[tuple[str, int], Cell]],
    camera: Camera,
) -> dict[tuple[str, Cell], Place]:
    """Where the sites of a plate lie in their wells.

    Parameters
    ----------
    acquisitions
        The wells of each acquisition. Stage positions are (y, x) in micrometres as on the images,
        y growing downwards and x to the right. Of a site that several acquisitions have, the first
        one tells.
    cells
        For each acquisition the cell of each site, as
        :func:`~tmlib.workflow.steps.site_cells.locate_sites` has found it.
    camera
        What the images are.

    Returns
    -------
    By name of the well and cell of the site. Nothing if positions are not known, cannot be true or
    say that all sites lie side by side: then they form a regular grid.
    """
    known = _positions(acquisitions, cells)
    if known is None or not any(len(sites) > 1 for sites in known.values()):
        return {}
    if camera.pixel_size is None:
        logger.warning(
            "Stage positions are known but not the size of a pixel: sites are laid side by side."
        )
        return {}
    pixels = {
        well: {cell: stage / camera.pixel_size for cell, stage in sites.items()}
        for well, sites in known.items()
    }
    size = np.array([camera.height, camera.width])
    doubt = _doubt(pixels, size)
    if doubt is not None:
        logger.warning("Stage positions are not used, sites are laid side by side: %s.", doubt)
        return {}
    places = _from_corners(pixels)
    aside = max(
        float(np.abs(place - np.array(cell) * size).max())
        for sites in places.values()
        for cell, place in sites.items()
    )
    if aside <= _SAME:
        return {}
    logger.info("Sites are placed by the stage: %s.", _described(places, size))
    return {
        (well, cell): (float(place[0]), float(place[1]))
        for well, sites in places.items()
        for cell, place in sites.items()
    }


Points = dict[str, dict[Cell, NDArray[np.float64]]]
"""By name of the well and cell of the site its (y, x)."""


def _positions(
    acquisitions: Sequence[Wells], cells: Sequence[Mapping[tuple[str, int], Cell]]
) -> Points | None:
    """Stage positions; None if that of any site is not known."""
    known: Points = {}
    for wells, own_cells in zip(acquisitions, cells, strict=True):
        for well, sites in wells.items():
            found: dict[Cell, NDArray[np.float64]] = {}
            for number, stage in sites.items():
                if stage is None:
                    return None
                found[own_cells[well, number]] = np.asarray(stage, dtype=float)
            so_far = known.setdefault(well, {})
            # a plate that was put back lies a little beside its old place
            moves = [found[cell] - so_far[cell] for cell in found.keys() & so_far.keys()]
            move = np.median(moves, axis=0) if moves else np.zeros(2)
            for cell, position in found.items():
                so_far.setdefault(cell, position - move)
    return None if _are_cells(known) else known


def _are_cells(known: Points) -> bool:
    """Whether positions only count rows and columns, as some metadata files do."""
    every = [position for sites in known.values() for position in sites.values()]
    if not all(np.array_equal(position, np.rint(position)) for position in every):
        return False
    steps = [
        cKDTree(points).query(points, k=2, p=np.inf)[0][:, 1].min()
        for points in (np.array(list(sites.values())) for sites in known.values())
        if len(points) > 1
    ]
    return bool(steps) and min(steps) == 1


def _doubt(pixels: Points, size: NDArray[np.int_]) -> str | None:
    """Why positions cannot be true, if so."""
    distances = []
    for well, sites in pixels.items():
        if len(sites) < 2:
            continue
        points = np.array(list(sites.values())) / size
        nearest = cKDTree(points).query(points, k=2, p=np.inf)[0][:, 1]
        distances.append(float(np.median(nearest)))
        if nearest.min() < _CLOSEST:
            share = 100 * (1 - nearest.min())
            return f"two sites of well {well} would overlap by {share:.0f} % of an image"
    typical = float(np.median(distances))
    if typical > _FARTHEST:
        return f"neighbouring sites would be {typical:.0f} images apart"
    return None


def _from_corners(pixels: Points) -> Points:
    """Positions from the upper left corner of each well.

    A well without sites in the first row or column has its others where a whole well has them.
    """
    whole = max(pixels.values(), key=len)
    places: Points = {}
    for well, sites in pixels.items():
        corner = np.empty(2)
        for axis in (0, 1):
            first = min(cell[axis] for cell in sites)
            least = min(stage[axis] for stage in sites.values())
            margin = 0.0
            if first > 0:
                ahead = [stage[axis] for cell, stage in whole.items() if cell[axis] >= first]
                start = min(stage[axis] for stage in whole.values())
                margin = min(ahead, default=start) - start
            corner[axis] = least - margin
        places[well] = {cell: stage - corner for cell, stage in sites.items()}
    return places


def _described(places: Points, size: NDArray[np.int_]) -> str:
    """How far neighbours overlap, for the log."""
    texts = []
    for axis, name in ((1, "columns"), (0, "rows")):
        step = (0, 1) if axis == 1 else (1, 0)
        steps = [
            sites[cell[0] + step[0], cell[1] + step[1]][axis] - place[axis]
            for sites in places.values()
            for cell, place in sites.items()
            if (cell[0] + step[0], cell[1] + step[1]) in sites
        ]
        if steps:
            overlap = float(size[axis] - np.median(steps))
            what = "overlap by" if overlap >= 0 else "are apart by"
            texts.append(f"{name} {what} {abs(overlap):.0f} pixels")
    return " and ".join(texts) or "no two of them are neighbours"
