"""Displacements of images from what they share, and the places that follow from them."""

from collections.abc import Container, Iterable
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tmlib.images.stitching import (
    Displacement,
    Pair,
    Seen,
    cut_strips,
    may_be_compared,
    measure_displacement,
    solve_places,
)
from tmlib.sample.overlapping import Mosaic, simulate_overlapping_well

SHAPE = (120, 160)
LIMIT = 10


def compare(
    first: NDArray[Any], second: NDArray[Any], displacement: tuple[int, int], limit: int = LIMIT
) -> Displacement:
    where = cut_strips(first.shape, np.array(displacement), limit)
    one, other = (
        Seen.of(image).cut(part) for image, part in zip((first, second), where, strict=True)
    )
    return measure_displacement(one, other, first.shape, np.array(displacement), limit)


def texture(seed: int, shape: tuple[int, int] = (300, 300)) -> NDArray[np.float64]:
    """Spots of many sizes."""
    rng = np.random.default_rng(seed)
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    image = np.full(shape, 200.0)
    for y, x, size in rng.uniform((0, 0, 2), (*shape, 6), (200, 3)):
        image += 2000 * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * size**2))
    return image


def photograph(
    scene: NDArray[Any], y: int, x: int, shape: tuple[int, int] = SHAPE, seed: int = 0
) -> NDArray[np.uint16]:
    return (
        np.random.default_rng([seed, y, x])
        .poisson(scene[y : y + shape[0], x : x + shape[1]])
        .astype(np.uint16)
    )


@pytest.mark.parametrize("way", [(3, 128), (-7, 131), (92, -4), (98, 9), (60, 80)])
def test_whole_displacements_are_found_exactly(way: tuple[int, int]) -> None:
    scene = texture(1)
    first, second = photograph(scene, 50, 50), photograph(scene, 50 + way[0], 50 + way[1])
    expected = (way[0] + 6, way[1] - 8)
    found = compare(first, second, expected)
    assert found.is_reliable
    assert (found.y, found.x) == pytest.approx(way, abs=0.1)
    assert found.quality > 0.9


def test_what_shows_nothing_in_common_is_not_believed() -> None:
    first, second = photograph(texture(1), 50, 50), photograph(texture(2), 50, 178)
    assert not compare(first, second, (0, 128)).is_reliable
    dark = np.zeros(SHAPE, np.uint16)
    assert compare(dark, dark, (0, 128)) == Displacement(0 - LIMIT, 128 - LIMIT, 0.0, False)
    one, other = (np.random.default_rng(i).poisson(200, SHAPE).astype(np.uint16) for i in range(2))
    assert not compare(one, other, (0, 128)).is_reliable


def test_a_way_beyond_the_limit_is_not_believed() -> None:
    scene = texture(1)
    first, second = photograph(scene, 50, 50), photograph(scene, 50, 178)
    assert not compare(first, second, (0, 128 - 2 * LIMIT)).is_reliable


def test_corners_alone_are_not_compared() -> None:
    assert may_be_compared(np.array([0, 140]), (100, 160))
    assert not may_be_compared(np.array([0, 155]), (100, 160))
    assert not may_be_compared(np.array([80, 130]), (100, 160))
    assert not may_be_compared(np.array([0, 170]), (100, 160))


def chain(
    stages: NDArray[np.float64],
    places: NDArray[np.float64],
    ends: Iterable[tuple[int, int]],
    unreliable: Container[tuple[int, int]] = (),
    wrong: Container[tuple[int, int]] = (),
) -> NDArray[np.float64]:
    pairs = []
    for i, j in ends:
        y, x = places[j] - places[i] + (7.0 if (i, j) in wrong else 0.0)
        reliable = (i, j) not in unreliable
        pairs.append(Pair(i, j, Displacement(y, x, 0.9 if reliable else 0.1, reliable)))
    return solve_places(stages, pairs)


GRID = [(i, j) for i, j in combinations(range(12), 2) if j - i == 4 or (j - i == 1 and j % 4)]
STAGES = np.array([(100.0 * y, 100.0 * x) for y in range(3) for x in range(4)])


def test_places_are_those_that_overlaps_tell() -> None:
    true = STAGES + np.random.default_rng(0).uniform(-5, 5, STAGES.shape)
    found = chain(STAGES, true, GRID)
    assert found - found.mean(axis=0) == pytest.approx(true - true.mean(axis=0), abs=0.02)
    assert found.min(axis=0).tolist() == [0, 0]


def test_a_wrong_overlap_loses_its_weight() -> None:
    true = STAGES + np.random.default_rng(0).uniform(-5, 5, STAGES.shape)
    found = chain(STAGES, true, GRID, wrong=[(5, 6)])
    assert found - found.mean(axis=0) == pytest.approx(true - true.mean(axis=0), abs=0.2)


def test_a_faint_overlap_outweighs_a_stage_that_is_far_off() -> None:
    true = STAGES + np.random.default_rng(0).uniform(-8, 8, STAGES.shape)
    pairs = [
        Pair(i, j, Displacement(y, x, 0.2, (i, j) != (7, 11)))
        for i, j in GRID
        for y, x in [true[j] - true[i]]
    ]
    found = solve_places(STAGES, pairs)
    assert found - found.mean(axis=0) == pytest.approx(true - true.mean(axis=0), abs=0.1)


def test_what_cannot_be_measured_follows_from_how_the_camera_is_turned() -> None:
    angle = np.deg2rad(1.5)
    true = STAGES @ [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    alone = [(i, j) for i, j in GRID if 11 in (i, j)]
    found = chain(STAGES, true, GRID, unreliable=alone)
    assert found - found[0] == pytest.approx(true - true[0], abs=0.5)


def test_without_any_overlap_the_stage_is_believed() -> None:
    assert np.array_equal(chain(STAGES, STAGES + 3, GRID, unreliable=GRID), STAGES)
    assert np.array_equal(solve_places(STAGES, []), STAGES)


def test_a_well_is_stitched_to_half_a_pixel() -> None:
    mosaic = Mosaic(rows=2, columns=2, overlap=40, stage_error=4)
    well = simulate_overlapping_well(mosaic, [3])
    stages = np.array([site.stage for site in well.sites])
    pairs = [
        Pair(i, j, compare(well.sites[i].dna, well.sites[j].dna, stages[j] - stages[i]))
        for i, j in combinations(range(4), 2)
        if may_be_compared(stages[j] - stages[i], (256, 256))
    ]
    assert len(pairs) == 4
    errors = solve_places(stages, pairs) - [site.place for site in well.sites]
    assert errors - errors.mean(axis=0) == pytest.approx(np.zeros((4, 2)), abs=0.5)
