from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmlib.images.layout import (
    LayoutError,
    StitchLayout,
    grid_from_stage_positions,
    guess_stitch_dimensions,
    site_grid,
    well_name,
    well_position,
)
from tmlib.images.map_layout import Box, MapLayout, PlateLayout, WellLayout, map_size


@pytest.mark.parametrize(
    ("name", "plate_format", "position"),
    [("A01", 1, (0, 0)), ("B03", 96, (1, 2)), ("P24", 384, (15, 23)), ("AF48", 1536, (31, 47))],
)
def test_wells_have_names(name: str, plate_format: Any, position: Any) -> None:
    assert well_position(name, plate_format) == position
    assert well_name(*position) == name


@pytest.mark.parametrize(
    ("name", "plate_format"),
    [("I01", 96), ("A13", 96), ("A00", 96), ("AG01", 1536), ("B2x", 96), ("", 96)],
)
def test_wells_that_do_not_exist_are_named(name: str, plate_format: Any) -> None:
    with pytest.raises(LayoutError, match=f'"{name}" is not a well'):
        well_position(name, plate_format)


def test_plates_that_do_not_exist_are_refused() -> None:
    with pytest.raises(LayoutError, match="97 wells: use one of 1, 6, 12, 24, 48"):
        well_position("A01", 97)


def test_rectangles_are_compact() -> None:
    known = {1: (1, 1), 2: (2, 1), 3: (3, 1), 4: (2, 2), 5: (3, 2), 6: (3, 2), 7: (4, 2)}
    known |= {8: (4, 2), 9: (3, 3), 10: (5, 2), 22: (8, 3), 73: (15, 5)}
    assert {n: guess_stitch_dimensions(n) for n in known} == known
    assert guess_stitch_dimensions(10, "horizontal") == (2, 5)


@given(st.integers(1, 2000))
def test_rectangles_have_room(n: int) -> None:
    rows, columns = guess_stitch_dimensions(n)
    assert n <= rows * columns
    assert columns <= rows <= 3 * columns


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        ("horizontal", [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]),
        ("zigzag_horizontal", [(0, 0), (0, 1), (0, 2), (1, 2), (1, 1), (1, 0)]),
        ("vertical", [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2)]),
        ("zigzag_vertical", [(0, 0), (1, 0), (1, 1), (0, 1), (0, 2), (1, 2)]),
    ],
)
def test_sites_follow_the_layout(layout: StitchLayout, expected: list[tuple[int, int]]) -> None:
    assert site_grid(6, layout, 3, 2) == expected
    assert site_grid(6, layout, 3, None) == expected
    assert site_grid(6, layout, None, 2) == expected


@pytest.mark.parametrize("n", [1, 2, 7, 13])
def test_a_row_of_any_length_is_a_grid(n: int) -> None:
    assert site_grid(n, "horizontal", n, 1) == [(0, x) for x in range(n)]
    assert len(set(site_grid(n, "zigzag_vertical", None, None))) == n


def test_a_grid_that_does_not_fit_names_both_numbers() -> None:
    with pytest.raises(LayoutError, match=r"2 rows .* 2 columns .* 4 places.* 3 sites"):
        site_grid(3, "horizontal", 2, 2)
    with pytest.raises(LayoutError, match="7 sites"):
        site_grid(7, "horizontal", 2, None)
    with pytest.raises(LayoutError, match="at least one"):
        site_grid(0, "horizontal", 0, 0)
    with pytest.raises(LayoutError, match="spiral"):
        site_grid(4, "spiral", 2, 2)  # type: ignore[arg-type] # the point of the test


@given(
    rows=st.integers(1, 6),
    columns=st.integers(1, 6),
    pitch=st.tuples(st.floats(50, 2000), st.floats(50, 2000)),
    seed=st.integers(0, 2**32 - 1),
)
def test_stage_positions_make_a_grid_in_spite_of_jitter(
    rows: int, columns: int, pitch: Any, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    cells = [(y, x) for y in range(rows) for x in range(columns)]
    rng.shuffle(cells)
    jitter = 0.08 * min(pitch)
    positions = [
        (y * pitch[0] + rng.uniform(-jitter, jitter), x * pitch[1] + rng.uniform(-jitter, jitter))
        for y, x in cells
    ]
    assert grid_from_stage_positions(positions) == [tuple(c) for c in cells]


def test_missing_sites_leave_their_place_free() -> None:
    positions = [(0.0, 0.0), (0.0, 200.0), (100.0, 100.0), (100.5, 0.2)]
    assert grid_from_stage_positions(positions) == [
        (0, 0),
        (0, 2),
        (1, 1),
        (1, 0),
    ]


@given(
    st.lists(
        st.tuples(st.integers(-500, 500), st.integers(-500, 500)),
        min_size=1,
        max_size=30,
        unique=True,
    )
)
def test_irregular_sites_never_share_a_place(positions: Any) -> None:
    grid = grid_from_stage_positions(positions)
    assert len(set(grid)) == len(positions)


def test_impossible_stage_positions_are_refused() -> None:
    with pytest.raises(LayoutError, match="same stage position"):
        grid_from_stage_positions([(1.0, 2.0), (1.0, 2.0)])
    with pytest.raises(LayoutError, match="not a number"):
        grid_from_stage_positions([(float("nan"), 0.0)])
    assert grid_from_stage_positions([]) == []


def square(*names: str) -> PlateLayout:
    return PlateLayout(tuple(WellLayout(name, ((0, 0), (1, 1))) for name in names))


def test_only_rows_and_columns_with_wells_are_on_the_map() -> None:
    layout = MapLayout((square("B02", "B05", "D05"),), 10, 20)
    assert layout.size == (2 * 20 + 500, 2 * 40 + 500)
    assert layout.well(0, "B02") == Box(0, 0, 20, 40)
    assert layout.well(0, "D05") == Box(520, 540, 20, 40)
    assert layout.site(0, "D05", 1, 1) == Box(530, 560, 10, 20)


def test_plates_stand_below_each_other_first() -> None:
    plates = tuple(square("A01") for _ in range(5))
    layout = MapLayout(plates, 10, 20)
    corners = [(layout.plate(i).y, layout.plate(i).x) for i in range(5)]
    assert corners == [(0, 0), (1020, 0), (2040, 0), (0, 1040), (1020, 1040)]
    assert map_size(plates, 10, 20) == layout.size == (3 * 20 + 2000, 2 * 40 + 1000)


def test_the_largest_well_and_plate_set_the_pace() -> None:
    small = PlateLayout((WellLayout("A01", ((0, 0),)), WellLayout("A02", ((0, 0), (0, 1)))))
    layout = MapLayout((small, PlateLayout((WellLayout("C01", ((0, 0),)),))), 10, 20)
    assert layout.well(0, "A02").x == 40 + 500
    assert layout.well(0, "A01").width == 20
    assert layout.plate(1) == Box(1010, 0, 10, 40)


def test_an_empty_map_has_no_size() -> None:
    assert map_size([], 10, 20) == (0, 0)
