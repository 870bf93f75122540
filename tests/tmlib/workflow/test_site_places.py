"""Where the stage put sites: overlaps, gaps, and positions that cannot be true."""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from tmlib.workflow.steps.site_cells import UserLayout, locate_sites
from tmlib.workflow.steps.site_places import Camera, place_sites

CAMERA = Camera(100, 200, 0.5)


def place(
    *acquisitions: Mapping[str, Mapping[int, tuple[float, float] | None]], camera: Camera = CAMERA
) -> dict[tuple[str, tuple[int, int]], tuple[float, float]]:
    cells = locate_sites(acquisitions, UserLayout("horizontal", None, None))
    return place_sites(acquisitions, cells, camera)


def grid(
    step: tuple[float, float] = (45.0, 90.0),
    rows: int = 2,
    columns: int = 2,
    origin: tuple[float, float] = (0.0, 0.0),
) -> dict[int, tuple[float, float]]:
    return {
        y * columns + x: (origin[0] + step[0] * y, origin[1] + step[1] * x)
        for y in range(rows)
        for x in range(columns)
    }


def test_sites_overlap_as_the_stage_says() -> None:
    assert place({"A01": grid()}) == {
        ("A01", (0, 0)): (0, 0),
        ("A01", (0, 1)): (0, 180),
        ("A01", (1, 0)): (90, 0),
        ("A01", (1, 1)): (90, 180),
    }


def test_gaps_are_kept() -> None:
    places = place({"A01": grid(step=(60.0, 150.0))})
    assert places["A01", (1, 1)] == (120, 300)


def test_noise_of_the_stage_is_kept_and_nothing_lies_outside_of_the_well() -> None:
    noisy = {k: (y + 0.5 * (k % 3), x - 1.5 * (k % 2)) for k, (y, x) in grid(rows=3).items()}
    places = np.array(list(place({"A01": noisy}).values()))
    assert places.min(axis=0).tolist() == [0, 0]
    stages = np.array(list(noisy.values())) / 0.5
    assert places == pytest.approx(stages - stages.min(axis=0))


def test_the_order_of_fields_does_not_matter() -> None:
    turned = {9 - k: stage for k, stage in grid(rows=3).items()}
    assert place({"A01": turned}) == place({"A01": grid(rows=3)})


def test_a_missing_site_moves_no_other() -> None:
    part = grid(rows=3, origin=(7000.0, 9000.0))
    del part[0], part[1]
    places = place({"A01": grid(rows=3), "B07": part})
    assert places["B07", (1, 0)] == (90, 0)
    assert places["B07", (2, 1)] == (180, 180)


def test_of_several_acquisitions_the_first_one_tells() -> None:
    first, again = grid(), grid(origin=(3.0, -2.0))
    del first[3]
    places = place({"A01": first}, {"A01": again})
    assert places["A01", (0, 1)] == (0, 180)
    assert places["A01", (1, 1)] == (90, 180)


@pytest.mark.parametrize(
    ("sites", "camera", "said"),
    [
        (grid(), Camera(100, 200, None), "not the size of a pixel"),
        (grid(step=(0.045, 0.09)), CAMERA, "overlap by 100 % of an image"),
        ({**grid(), 4: (0.5, 0.0)}, CAMERA, "two sites of well A01 would overlap by 99 %"),
        (grid(step=(45e3, 90e3)), CAMERA, "images apart"),
    ],
)
def test_positions_that_cannot_be_used_are_named(
    sites: Any, camera: Any, said: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert place({"A01": sites}, camera=camera) == {}
    assert said in caplog.text


@pytest.mark.parametrize(
    "sites",
    [
        grid(step=(50.0, 100.0)),
        grid(step=(50.4, 99.7)),
        grid(step=(1.0, 1.0)),
        {1: (0.0, 0.0)},
        {1: None, 2: None},
    ],
)
def test_sites_side_by_side_stay_a_regular_grid(
    sites: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert place({"A01": sites}) == {}
    assert caplog.text == ""
