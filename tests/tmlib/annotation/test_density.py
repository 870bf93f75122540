"""Points counted in squares: on both databases alike."""

import math
from collections import Counter
from typing import Any

import pytest

from tests.tmlib.annotation.conftest import Laboratory, tagged
from tmlib.annotation import tables
from tmlib.annotation.boxes import Box
from tmlib.annotation.density import Square, count_in_squares
from tmlib.annotation.known_schemas import find_schema
from tmlib.annotation.reading import Selection

PLACES = [(x / 4, y / 4) for x in range(-7, 30, 3) for y in range(-9, 20, 2)]


def squares(laboratory: Laboratory, name: str, box: Box, side: float, **which: Any) -> list[Square]:
    who = laboratory.people["mara"]
    with laboratory.database.session() as session:
        table = tables.open_table(session, laboratory.experiment_id, name, who, "read")
        schema = find_schema(session, table.schema_name)
        return list(count_in_squares(session, table, schema, Selection(**which), box, side))


@pytest.mark.parametrize("side", [0.3, 1, 2.5, 100])
def test_each_point_is_counted_in_the_square_in_which_it_is(
    laboratory: Laboratory, side: float
) -> None:
    laboratory.make("dots")
    laboratory.post("dots", *(tagged("a", *place) for place in PLACES))
    laboratory.delete("dots", *laboratory.post("dots", tagged("b", 0, 0)))
    box = Box(-1.25, -2.25, 0, 5, 3.75, 0)
    counted = Counter(
        (math.floor(x / side), math.floor(y / side))
        for x, y in PLACES
        if box.min_x <= x <= box.max_x and box.min_y <= y <= box.max_y
    )
    expected = sorted((*square, count) for square, count in counted.items())
    assert squares(laboratory, "dots", box, side) == expected


def test_of_rows_with_several_points_one_counts(laboratory: Laboratory) -> None:
    laboratory.make("pairs", "synapse")
    ends = {"pre_pt": [-5, 1, 0], "ctr_pt": [12, 1, 0], "post_pt": [35, 1, 0]}
    laboratory.post("pairs", {name: {"position": place} for name, place in ends.items()})
    everywhere = Box(-50, -50, -1, 50, 50, 1)
    assert squares(laboratory, "pairs", everywhere, 10) == [(-1, 0, 1)]
    assert squares(laboratory, "pairs", everywhere, 10, field="post_pt") == [(3, 0, 1)]
    assert squares(laboratory, "pairs", everywhere._replace(min_x=0), 10) == []
