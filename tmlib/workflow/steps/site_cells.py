"""Finds the place of every site in the grid of its well."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from tmlib.images.layout import LayoutError, StitchLayout, grid_from_stage_positions, site_grid
from tmlib.workflow.steps.base import logger

Stage = tuple[float, float]
Cell = tuple[int, int]
Wells = Mapping[str, Mapping[int, Stage | None]]
"""By name of the well the number of each site and where the stage stood, if that is known."""

_AGREEMENT = 0.25


@dataclass(frozen=True)
class UserLayout:
    """How the user says that the sites of a well lie: see :func:`tmlib.images.layout.site_grid`."""

    layout: StitchLayout
    n_horizontal: int | None
    n_vertical: int | None

    @property
    def is_given(self) -> bool:
        """Whether it is more than a default."""
        return self.n_horizontal is not None or self.n_vertical is not None


def locate_sites(
    acquisitions: Sequence[Wells], layout: UserLayout
) -> list[dict[tuple[str, int], Cell]]:
    """Row and column of each site, by name of the well and number of the site.

    Stage positions decide where all are known, the user's layout otherwise. A number that several
    wells have is the same place in all of them, so that a site missing in one well moves no other.
    So it is in all acquisitions of a plate, unless their stage positions contradict that or they
    have no number in common.

    Parameters
    ----------
    acquisitions
        The wells of each acquisition of one plate. Stage positions are (y, x) as on the images,
        y growing downwards and x to the right.
    layout
        What the user says.

    Raises
    ------
    LayoutError
        If the sites do not form the user's grid, or positions contradict each other and the user
        gives no grid.
    """
    joint = _join(acquisitions)
    if joint is None:
        return [_locate(wells, layout) for wells in acquisitions]
    cells = _locate(joint, layout)
    return [cells] * len(acquisitions)


def _join(acquisitions: Sequence[Wells]) -> Wells | None:
    """The sites of all acquisitions together, None if they contradict each other."""
    joint: dict[str, Mapping[int, Stage | None]] = {}
    for well in {well for wells in acquisitions for well in wells}:
        parts = {str(i): wells[well] for i, wells in enumerate(acquisitions) if well in wells}
        known = {i: _known(sites) for i, sites in parts.items()}
        if any(len(known[i]) < len(sites) for i, sites in parts.items()):
            numbers: set[int] = set()
            for sites in parts.values():
                if numbers and numbers.isdisjoint(sites):
                    return None
                numbers.update(sites)
            joint[well] = dict.fromkeys(numbers)
            continue
        common = _common_positions(known)
        if common is None:
            return None
        joint[well] = common
    return joint


def _known(sites: Mapping[int, Stage | None]) -> dict[int, Stage]:
    return {number: stage for number, stage in sites.items() if stage is not None}


def _locate(wells: Wells, layout: UserLayout) -> dict[tuple[str, int], Cell]:
    """Row and column of each site of one acquisition, or of several that agree."""
    stages = {well: _known(sites) for well, sites in wells.items()}
    if all(len(stages[well]) == len(sites) for well, sites in wells.items()):
        try:
            return _from_stages(stages)
        except LayoutError as error:
            if not layout.is_given:
                raise
            logger.warning("%s The layout that was given is used.", error.message)
    elif any(stages.values()):
        logger.warning("The stage position of some sites is not known: none is used.")
    return _from_numbers(wells, layout)


def _is_shared(wells: Mapping[str, Mapping[int, object]]) -> bool:
    """Whether sites are counted per well, rather than through all wells."""
    counts = Counter(number for sites in wells.values() for number in sites)
    return len(wells) == 1 or max(counts.values(), default=0) > 1


def _from_stages(wells: Mapping[str, Mapping[int, Stage]]) -> dict[tuple[str, int], Cell]:
    common = _common_positions(wells) if _is_shared(wells) else None
    if common is not None:
        cells = _cells(common)
        return {(well, number): cells[number] for well, sites in wells.items() for number in sites}
    return {
        (well, number): cell
        for well, sites in wells.items()
        for number, cell in _cells(sites).items()
    }


def _cells(positions: Mapping[int, Stage]) -> dict[int, Cell]:
    numbers = sorted(positions)
    grid = grid_from_stage_positions([positions[number] for number in numbers])
    return dict(zip(numbers, grid, strict=True))


def _common_positions(wells: Mapping[str, Mapping[int, Stage]]) -> dict[int, Stage] | None:
    """Position of each site in a well with all sites; None if wells differ in more than place."""
    first, *others = sorted(wells.values(), key=len, reverse=True)
    known = {number: np.asarray(stage) for number, stage in first.items()}
    tolerance = _AGREEMENT * _least_distance(np.asarray(list(known.values())))
    for sites in others:
        shared = [number for number in sites if number in known]
        if not shared:
            return None
        moves = np.asarray([np.asarray(sites[number]) - known[number] for number in shared])
        offset = np.median(moves, axis=0)
        if np.abs(moves - offset).max() > tolerance:
            return None
        for number in sites.keys() - known.keys():
            known[number] = np.asarray(sites[number]) - offset
    return {number: (float(stage[0]), float(stage[1])) for number, stage in known.items()}


def _least_distance(points: NDArray[np.float64]) -> float:
    if len(points) < 2:
        return np.inf
    return float(cKDTree(points).query(points, k=2)[0][:, 1].min())


def _from_numbers(wells: Wells, layout: UserLayout) -> dict[tuple[str, int], Cell]:
    if _is_shared(wells):
        cells = _number_cells(sorted({n for sites in wells.values() for n in sites}), layout)
        return {(well, number): cells[number] for well, sites in wells.items() for number in sites}
    return {
        (well, number): cell
        for well, sites in wells.items()
        for number, cell in _number_cells(sorted(sites), layout).items()
    }


def _number_cells(numbers: list[int], layout: UserLayout) -> dict[int, Cell]:
    """Places of the sites with these numbers, in their order.

    Numbers that count to the last place of the grid, with some missing between, keep theirs free.
    """
    size = (layout.n_horizontal or 0) * (layout.n_vertical or 0)
    start = min(numbers[0], 1)
    places = list(range(start, start + size)) if numbers[-1] == start + size - 1 else numbers
    grid = site_grid(len(places), layout.layout, layout.n_horizontal, layout.n_vertical)
    return dict(zip(places, grid, strict=True))
