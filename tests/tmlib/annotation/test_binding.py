"""Points bind to the mapobjects that contain them, as shapely says one by one."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import shapely
from sqlalchemy import delete, event, update

from tests.tmlib.annotation.conftest import Laboratory, tagged
from tests.tmlib.objects.conftest import HEIGHT, WIDTH, crowd, label_image, make_laboratory
from tests.tmlib.objects.conftest import Laboratory as Screen
from tmlib.accounts.models import User
from tmlib.annotation import reading
from tmlib.annotation.boxes import Box
from tmlib.annotation.tables import Annotator
from tmlib.db import Database
from tmlib.errors import BadInput, NotFound
from tmlib.experiments.models import Experiment
from tmlib.objects.models import MapobjectSegmentation
from tmlib.objects.writing.outlines import outlines

__all__ = ["make_laboratory"]

UNIT = (650.0, 162.5, 1000.0)
"""Of a table whose experiment has pixels of 325 nm: two pixels in x, half a pixel in y."""


@pytest.fixture
def screen(database: Database, make_laboratory: Callable[[Database], Screen]) -> Screen:
    return make_laboratory(database)


@pytest.fixture
def laboratory(database: Database, screen: Screen) -> Laboratory:
    with database.transaction() as session:
        user = User(name="mara", email="mara@lab.example", password_hash="-")
        session.add(user)
        session.execute(update(Experiment).values(pixel_size=0.325))
        session.flush()
        people = {"mara": Annotator(user.id)}
    return Laboratory(database, screen.experiment_id, people)


def bound(laboratory: Laboratory, name: str, **which: Any) -> dict[int, int | None]:
    rows = laboratory.read(name, bind="Cells", **which)
    return {row.id: row.values["pt_mapobject_id"] for row in rows}


def test_points_bind_as_each_of_them_would_alone(
    laboratory: Laboratory, screen: Screen, monkeypatch: Any
) -> None:
    """In any unit, and also on borders, which many objects of a site have in common."""
    monkeypatch.setattr(reading, "_AT_ONCE", 50)
    known: dict[int, Any] = {}
    for site in range(2):
        screen.record(site, crowd(site))
        offset = np.array(screen.offset(site)[::-1])
        for outline in outlines(crowd(site)).values():
            known[len(known) + 1] = shapely.transform(outline, partial(np.add, offset))
    screen.record(0, crowd(5), name="Nuclei")
    random = np.random.default_rng(3)
    places = random.uniform((-10, -10), (2 * WIDTH, HEIGHT), (150, 2))
    corners = shapely.get_coordinates(list(known.values()))
    places = np.concatenate([places, random.choice(corners, 50)])
    expected = {
        number: next(
            (id_ for id_, outline in known.items() if outline.intersects(shapely.Point(place))),
            None,
        )
        for number, place in enumerate(places, start=1)
    }
    assert 50 < sum(one is not None for one in expected.values()) < len(expected)
    laboratory.make("pixels")
    laboratory.make("units", voxel_resolution=UNIT)
    laboratory.post("pixels", *(tagged("a", x, y) for x, y in places.tolist()))
    laboratory.post("units", *(tagged("a", x / 2, y * 2) for x, y in places.tolist()))
    for name in ("pixels", "units"):
        assert bound(laboratory, name) == expected
        for object_id in sorted({one for one in expected.values() if one is not None})[:8]:
            inside = [number for number, one in expected.items() if one == object_id]
            assert [row.id for row in laboratory.read(name, mapobject_id=object_id)] == inside
            limited = laboratory.read(name, mapobject_id=object_id, limit=1)
            assert [row.id for row in limited] == inside[:1]
    inside = [number for number, (x, _) in enumerate(places, start=1) if x <= WIDTH]
    assert bound(laboratory, "pixels", box=Box(-20, -20, 0, WIDTH, HEIGHT, 0)) == {
        number: expected[number] for number in inside
    }


def test_planes_and_what_has_changed_since(laboratory: Laboratory, screen: Screen) -> None:
    laboratory.make("cells")
    laboratory.post("cells", *(tagged("a", 15, 5, z) for z in (0, 1.2, 2)))
    assert len(laboratory.read("cells")) == 3
    with pytest.raises(NotFound, match='no mapobject type "Cells"'):
        bound(laboratory, "cells")
    with pytest.raises(NotFound, match="no mapobject 1 "):
        laboratory.read("cells", mapobject_id=1)
    screen.record(0, label_image((0, 10, 10, 10)))
    assert bound(laboratory, "cells") == {1: 1, 2: 1, 3: 1}
    # from the moment that there are outlines in another plane, each holds for its own
    screen.record(0, label_image((50, 50, 10, 10), (0, 0, 20, 20)), zplane=1)
    assert bound(laboratory, "cells") == {1: 1, 2: 2, 3: None}
    screen.record(0, label_image((50, 50, 10, 10)))
    assert [one for one in bound(laboratory, "cells").values() if one is not None] == [2]
    assert [row.id for row in laboratory.read("cells", mapobject_id=2)] == [2]


def test_objects_that_are_deleted_while_they_are_looked_for(
    laboratory: Laboratory, screen: Screen
) -> None:
    screen.record(0, label_image((0, 10, 10, 10), (20, 20, 10, 10)))
    laboratory.make("cells")
    laboratory.post("cells", tagged("a", 15, 5), tagged("b", 25, 25))
    database = laboratory.database
    left = [delete(MapobjectSegmentation).where(MapobjectSegmentation.mapobject_id == 1)]

    def delete_when_found(_: Any, __: Any, statement: str, *___: Any) -> None:
        if left and "mapobject_segmentations" in statement:
            with database.transaction() as session:
                session.execute(left.pop())

    event.listen(database.engine, "after_cursor_execute", delete_when_found)
    try:
        found = bound(laboratory, "cells")
    finally:
        event.remove(database.engine, "after_cursor_execute", delete_when_found)
    assert not left
    # on SQLite one who reads sees what there was when that began
    assert found == {1: 1 if database.is_sqlite else None, 2: 2}
    assert bound(laboratory, "cells") == {1: None, 2: 2}


def test_rows_that_are_points_themselves_bind(laboratory: Laboratory, screen: Screen) -> None:
    screen.record(0, label_image((0, 10, 10, 10)))
    laboratory.make("places", "derived_spatial_point")
    rows = [{"position": [x, 5, 0], "dependent_chunk": 1, "level": 1} for x in (15, 50)]
    laboratory.post("places", *rows)
    found = {
        row.id: row.values["position_mapobject_id"]
        for row in laboratory.read("places", bind="Cells")
    }
    assert found == {1: 1, 2: None}
    assert [row.id for row in laboratory.read("places", mapobject_id=1)] == [1]


def test_rows_without_points_bind_to_nothing(laboratory: Laboratory, screen: Screen) -> None:
    screen.record(0, label_image((0, 10, 10, 10)))
    laboratory.make("remarks", "reference_tag", reference_table="mapobjects_cells")
    laboratory.post("remarks", {"target_id": 1, "tag": "odd"})
    for which in ({"bind": "Cells"}, {"mapobject_id": 1}):
        with pytest.raises(BadInput, match="no points"):
            laboratory.read("remarks", **which)
    laboratory.make("lines", "contact")
    line = {f"side{side}_pt": {"position": [x, 5, 0]} for side, x in (("a", 15), ("b", 500))}
    laboratory.post("lines", {**line, "ctr_pt": {"position": [12, 1, 0]}, "size": 1})
    [row] = laboratory.read("lines", bind="Cells")
    ends = {name: value for name, value in row.values.items() if "mapobject" in name}
    assert sorted(ends) == [f"{point}_mapobject_id" for point in ("ctr_pt", "sidea_pt", "sideb_pt")]
    assert [ends[name] for name in sorted(ends)] == [1, 1, None]
