"""Objects keep their number from one time point to the next."""

from itertools import combinations, permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tmlib.jterator.arrays import PreviousObjects
from tmlib.jterator.modules import track_objects
from tmlib.jterator.tracking import link

Labels = NDArray[np.int32]

SHAPE = (120, 150)


def disks(places: dict[int, tuple[float, float]], radius: float = 5) -> Labels:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    labels = np.zeros(SHAPE, np.int32)
    for label, (cy, cx) in places.items():
        labels[np.hypot(y - cy, x - cx) < radius] = label
    return labels


def track(now: Labels, before: Labels, largest: int | None = None, **settings: Any) -> Labels:
    previous = PreviousObjects(before, int(before.max()) if largest is None else largest)
    return track_objects.main(now, previous, **settings).tracked_image


def test_numbers_follow_the_objects_and_new_ones_were_never_used() -> None:
    before = disks({4: (30, 30), 9: (30, 60), 2: (80, 80)})
    now = disks({1: (33, 31), 2: (83, 77), 3: (28, 63), 4: (100, 130)})
    tracked = track(now, before, largest=15)
    assert tracked.dtype == np.int32
    assert tracked[33, 31] == 4
    assert tracked[28, 63] == 9
    assert tracked[83, 77] == 2
    assert tracked[100, 130] == 16
    assert np.array_equal(tracked > 0, now > 0)


def test_first_time_point_numbers_all() -> None:
    now = disks({7: (30, 30), 3: (80, 80)})
    nothing = np.zeros(SHAPE, np.int32)
    tracked = track(now, nothing)
    assert (tracked[30, 30], tracked[80, 80]) == (2, 1)
    assert not track(nothing, now).any()


def test_nothing_moves_further_than_allowed() -> None:
    before, now = disks({1: (50, 50)}), disks({1: (50, 70)})
    assert track(now, before, max_distance=20)[50, 70] == 1
    assert track(now, before, max_distance=19)[50, 70] == 2


def test_one_daughter_keeps_the_number_of_the_mother() -> None:
    before, now = disks({6: (50, 50)}, radius=9), disks({1: (44, 50), 2: (56, 50)})
    assert sorted({int(n) for n in track(now, before).flat} - {0}) == [6, 7]


def gain(before: Labels, now: Labels, old: int, new: int, limit: float) -> float:
    a, b = before == old, now == new
    distance = np.hypot(*(np.argwhere(a).mean(axis=0) - np.argwhere(b).mean(axis=0)))
    if distance > limit:
        return 0.0
    shared = np.count_nonzero(a & b) / np.count_nonzero(a | b)
    return float(1 - distance / (limit + 1) + shared)


PLACES = st.lists(st.tuples(st.integers(10, 60), st.integers(10, 60)), min_size=0, max_size=4)


@settings(max_examples=40, deadline=None)
@given(PLACES, PLACES)
def test_links_are_those_that_gain_most(
    first: list[tuple[int, int]], second: list[tuple[int, int]]
) -> None:
    before, now = disks(dict(enumerate(first, 1))), disks(dict(enumerate(second, 1)))
    old, new = ([int(n) for n in np.unique(labels) if n] for labels in (before, now))
    gains = {(a, b): gain(before, now, a, b, 25) for a in old for b in new}
    best = 0.0
    for n in range(min(len(old), len(new)) + 1):
        for some in combinations(old, n):
            for order in permutations(new, n):
                best = max(best, sum(gains[pair] for pair in zip(some, order, strict=True)))
    links = link(before, now, 25)
    assert len(set(links.values())) == len(links)
    assert sum(gains[a, b] for b, a in links.items()) == pytest.approx(best)


def test_tracks_of_wandering_objects_stay_whole() -> None:
    random = np.random.default_rng(5)
    grid = [(y, x) for y in range(15, 110, 18) for x in range(15, 140, 18)]
    places = np.array(grid, float)
    tracked = disks({n: (y, x) for n, (y, x) in enumerate(places, 1)})
    for _ in range(8):
        places += random.normal(0, 1.0, places.shape)
        order = random.permutation(len(places))
        now = disks({n: tuple(places[i]) for n, i in enumerate(order, 1)})
        tracked = track(now, tracked, largest=len(grid), max_distance=12)
        for n, (y, x) in enumerate(places, 1):
            assert tracked[round(y), round(x)] == n


def test_sizes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(120, 150\).*\(60, 150\)"):
        track(disks({1: (30, 30)})[:60], disks({1: (30, 30)}))
