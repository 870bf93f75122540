"""How far stitched sites are from the truth, and whether objects in overlaps are counted once.

Prints tables of ``docs/accuracy.md``.
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import DENSITIES, SIGNALS, SIZE, table
from tmlib.images.duplicates import OverlappingLabels
from tmlib.images.map_layout import Box
from tmlib.images.stitching import (
    Pair,
    Seen,
    cut_strips,
    may_be_compared,
    measure_displacement,
    solve_places,
)
from tmlib.jterator.project import Project
from tmlib.jterator.projects.nuclei_and_cells import nuclei_and_cells
from tmlib.jterator.runner import run_pipeline
from tmlib.sample.overlapping import Mosaic, OverlappingWell, simulate_overlapping_well

OVERLAPS = (0.05, 0.1)
"""Of the length of an image."""

STAGE_ERROR = 6.0
N_WELLS = 1

Places = NDArray[np.float64]


def mosaics() -> Iterator[tuple[str, str, float, Mosaic]]:
    """Overlaps, densities and stains."""
    for share in OVERLAPS:
        for density, n_nuclei in DENSITIES.items():
            for stain, signal in (("bright", SIGNALS["bright"]), ("very dim", SIGNALS["very dim"])):
                yield (
                    density,
                    stain,
                    share,
                    Mosaic(
                        height=SIZE,
                        width=SIZE,
                        overlap=round(share * SIZE),
                        stage_error=STAGE_ERROR,
                        density=None if n_nuclei is None else n_nuclei / SIZE**2,
                        signal=signal,
                    ),
                )


def stitch(well: OverlappingWell, mosaic: Mosaic) -> tuple[Places, list[Pair]]:
    """Places of the sites, and how their overlaps fit."""
    shape = mosaic.height, mosaic.width
    limit = max(10, round(0.03 * max(shape)))
    stages = np.array([site.stage for site in well.sites])
    seen = [Seen.of(site.dna) for site in well.sites]
    pairs = []
    for i, j in combinations(range(len(stages)), 2):
        way = stages[j] - stages[i]
        if may_be_compared(way, shape):
            first, second = cut_strips(shape, way, limit)
            measured = measure_displacement(
                seen[i].cut(first), seen[j].cut(second), shape, way, limit
            )
            pairs.append(Pair(i, j, measured))
    return solve_places(stages, pairs), pairs


def errors(places: Places, well: OverlappingWell) -> Places:
    """Distance of each site from its true place, in y or x, when the wells lie on each other."""
    aside = places - [site.place for site in well.sites]
    return np.asarray(np.abs(aside - np.median(aside, axis=0)).max(axis=1))


def places(n_wells: int = N_WELLS) -> None:
    """Errors of places, of the stage and after the correction."""
    rows = []
    for density, stain, share, mosaic in mosaics():
        before, after, applied = [], [], []
        n_believed = n_pairs = n_wrong = 0
        for seed in range(n_wells):
            well = simulate_overlapping_well(mosaic, [8, seed])
            found, pairs = stitch(well, mosaic)
            true = [np.array(site.place) for site in well.sites]
            before.append(errors(np.array([site.stage for site in well.sites]), well))
            after.append(errors(found, well))
            applied.append(errors(np.rint(found), well))
            for pair in pairs:
                way = np.array([pair.measured.y, pair.measured.x])
                off = np.abs(way - (true[pair.second] - true[pair.first])).max()
                n_pairs += 1
                n_believed += pair.measured.is_reliable
                n_wrong += pair.measured.is_reliable and off > 2
        stage, seen = np.concatenate(before), np.concatenate(after)
        rows.append(
            (
                f"{share:.0%}",
                density,
                stain,
                f"{stage.mean():.1f} px",
                f"{seen.mean():.2f} px",
                f"{seen.max():.2f} px",
                f"{np.concatenate(applied).max():.1f} px",
                f"{n_believed} of {n_pairs}",
                str(n_wrong),
            )
        )
    table(
        (
            *("overlap", "density", "stain", "mean error of the stage", "mean error"),
            *("largest error", "largest as applied", "overlaps believed", "wrongly"),
        ),
        rows,
    )


def counts(n_wells: int = N_WELLS) -> None:
    """Nuclei of whole wells: how often those that several sites show are counted."""
    project = nuclei_and_cells("DNA")
    rows = []
    for share in OVERLAPS:
        for density, n_nuclei in DENSITIES.items():
            mosaic = Mosaic(
                height=SIZE,
                width=SIZE,
                overlap=round(share * SIZE),
                stage_error=STAGE_ERROR,
                density=None if n_nuclei is None else n_nuclei / SIZE**2,
            )
            total = np.zeros(5, int)
            for seed in range(n_wells):
                well = simulate_overlapping_well(mosaic, [9, seed])
                total += _count(project, well, mosaic)
            rows.append((f"{share:.0%}", density, *map(str, total.tolist())))
    table(
        (
            *("overlap", "density", "true nuclei", "found at all sites", "counted"),
            *("counted twice", "lost"),
        ),
        rows,
    )


def _count(project: Project, well: OverlappingWell, mosaic: Mosaic) -> NDArray[np.int_]:
    """True nuclei, those found, those left, those left twice, those dropped altogether."""
    corners = np.rint(stitch(well, mosaic)[0]).astype(int)
    boxes = [Box(int(y), int(x), mosaic.height, mosaic.width) for y, x in corners]
    overlap = OverlappingLabels(boxes, 1)
    truth_of: dict[tuple[int, int], int] = {}
    seen: set[int] = set()
    for number, site in enumerate(well.sites):
        labels = run_pipeline(project, {"DNA": site.dna})["Nuclei"].labels
        overlap.add(number, [labels])
        y, x = (round(corner) for corner in site.place)
        truth = well.nuclei[y : y + mosaic.height, x : x + mosaic.width]
        seen.update(np.unique(truth).tolist())
        for label in np.unique(labels)[1:].tolist():
            truth_of[number, label] = int(np.bincount(truth[labels == label]).argmax())
    [duplicates] = overlap.duplicates()
    dropped = {tuple(one.dropped) for one in duplicates}
    left = [true for node, true in truth_of.items() if node not in dropped and true]
    lost = set(truth_of.values()) - set(left) - {0}
    return np.array(
        [
            len(seen - {0}),
            len(truth_of),
            len(truth_of) - len(dropped),
            len(left) - len(set(left)),
            len(lost),
        ]
    )


def main() -> None:
    print("## Stitching")
    places()
    print("## Objects in overlaps")
    counts()


if __name__ == "__main__":
    main()
