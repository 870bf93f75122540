"""Where sites lie: any number of them, missing ones, positions that nobody trusts."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from tmlib.images.layout import LayoutError
from tmlib.workflow.steps.site_cells import UserLayout
from tmlib.workflow.steps.site_cells import locate_sites as locate_in_plate

NO_LAYOUT = UserLayout("horizontal", None, None)

Stages = Mapping[int, tuple[float, float] | None]
Cells = dict[tuple[str, int], tuple[int, int]]


def locate_sites(wells: Mapping[str, Stages], layout: UserLayout) -> Cells:
    [cells] = locate_in_plate([wells], layout)
    return cells


def stages(
    n: int,
    columns: int,
    step: float = 100.0,
    jitter: float = 0.0,
    origin: tuple[float, float] = (0.0, 0.0),
    seed: int = 0,
) -> dict[int, tuple[float, float]]:
    noise = np.random.default_rng(seed)
    found = {}
    for k in range(n):
        y, x = (
            o + step * i + noise.uniform(-jitter, jitter)
            for o, i in zip(origin, divmod(k, columns), strict=True)
        )
        found[k] = (y, x)
    return found


@pytest.mark.parametrize(("n", "columns"), [(1, 1), (2, 2), (5, 5), (7, 3), (13, 4), (36, 6)])
def test_any_number_of_sites_forms_a_grid(n: int, columns: int) -> None:
    cells = locate_sites({"A01": stages(n, columns, jitter=10)}, NO_LAYOUT)
    assert cells == {("A01", k): divmod(k, columns) for k in range(n)}


@pytest.mark.parametrize("origin", [(0.0, 0.0), (9000.0, 18000.0)])
def test_wells_share_a_grid_wherever_the_stage_has_its_zero(origin: Any) -> None:
    whole = stages(9, 3, jitter=5)
    part = stages(9, 3, jitter=5, origin=origin, seed=1)
    for missing in (0, 3, 6, 4):  # a whole column and the centre
        del part[missing]
    cells = locate_sites({"A01": part, "A02": whole}, NO_LAYOUT)
    assert cells["A01", 8] == (2, 2)
    assert cells["A02", 8] == (2, 2)
    assert cells["A01", 1] == (0, 1)


def test_a_site_that_only_a_smaller_well_has_extends_the_grid() -> None:
    first, second = stages(4, 2), {0: (0.0, 0.0), 9: (0.0, 200.0)}
    cells = locate_sites({"A01": first, "A02": second}, NO_LAYOUT)
    assert cells["A02", 9] == (0, 2)


def test_wells_that_differ_have_grids_of_their_own() -> None:
    rows = {k: (0.0, 100.0 * k) for k in range(4)}
    cells = locate_sites({"A01": stages(4, 2), "A02": rows}, NO_LAYOUT)
    assert cells["A01", 3] == (1, 1)
    assert cells["A02", 3] == (0, 3)


def test_sites_may_be_counted_through_all_wells() -> None:
    wells = {"A01": dict.fromkeys((2, 76, 218, 300)), "A02": dict.fromkeys((301, 302, 303, 304))}
    cells = locate_sites(wells, UserLayout("zigzag_horizontal", 2, 2))
    assert [cells["A01", k] for k in wells["A01"]] == [(0, 0), (0, 1), (1, 1), (1, 0)]
    assert cells["A02", 304] == (1, 0)


def test_equal_positions_leave_it_to_the_user() -> None:
    wells = {"A01": {1: (0.0, 0.0), 2: (0.0, 0.0)}}
    with pytest.raises(LayoutError, match="same stage position"):
        locate_sites(wells, NO_LAYOUT)
    cells = locate_sites(wells, UserLayout("horizontal", 2, None))
    assert cells == {("A01", 1): (0, 0), ("A01", 2): (0, 1)}


def test_positions_of_some_sites_alone_are_not_used() -> None:
    wells = {"A01": {1: (5.0, 0.0), 2: None}}
    cells = locate_sites(wells, UserLayout("vertical", 1, 2))
    assert cells == {("A01", 1): (0, 0), ("A01", 2): (1, 0)}


@pytest.mark.parametrize("first", [0, 1])
def test_numbers_up_to_the_last_place_may_have_gaps(first: Any) -> None:
    numbers = [first, first + 1, first + 5]
    cells = locate_sites({"A01": dict.fromkeys(numbers)}, UserLayout("horizontal", 3, 2))
    assert list(cells.values()) == [(0, 0), (0, 1), (1, 2)]
    with pytest.raises(LayoutError, match="3 sites per well"):
        locate_sites(
            {"A01": dict.fromkeys([first, first + 1, first + 4])}, UserLayout("horizontal", 3, 2)
        )


def test_acquisitions_of_a_plate_share_a_grid() -> None:
    whole, part = stages(9, 3), stages(9, 3, origin=(12.0, -7.0), jitter=3)
    for missing in (0, 3, 6):  # a whole column
        del part[missing]
    first, second = locate_in_plate([{"A01": part}, {"A01": whole, "A02": whole}], NO_LAYOUT)
    assert first["A01", 8] == second["A01", 8] == second["A02", 8] == (2, 2)
    assert first["A01", 1] == (0, 1)


def test_acquisitions_that_contradict_each_other_have_grids_of_their_own() -> None:
    row = {k: (0.0, 100.0 * k) for k in range(4)}
    first, second = locate_in_plate([{"A01": stages(4, 2)}, {"A01": row}], NO_LAYOUT)
    assert first["A01", 3] == (1, 1)
    assert second["A01", 3] == (0, 3)


def test_numbers_mean_the_same_in_all_acquisitions() -> None:
    layout = UserLayout("horizontal", 2, 2)
    first, second = locate_in_plate(
        [{"A01": dict.fromkeys((1, 2, 3, 4))}, {"A01": dict.fromkeys((2, 4))}], layout
    )
    assert first["A01", 4] == second["A01", 4] == (1, 1)


def test_sites_may_be_counted_through_all_acquisitions() -> None:
    layout = UserLayout("horizontal", 2, 2)
    first, second = locate_in_plate(
        [{"A01": dict.fromkeys((1, 2, 3, 4))}, {"A01": dict.fromkeys((5, 6, 7, 8))}], layout
    )
    assert first["A01", 2] == second["A01", 6] == (0, 1)
