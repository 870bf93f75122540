"""Objects as GeoJSON, to other programs and from them."""

import json
import re
import uuid
from typing import Any

import geojson
import numpy as np
import pytest
import shapely

from tests.tmserver.api.conftest import HEIGHT, LABELS, PLACE, WIDTH
from tests.tmserver.api.crowd import PLACES, Crowd, crowd
from tests.tmserver.conftest import Person
from tmlib.db import Database
from tmlib.experiments.models import Channel, ChannelImageFile, Cycle, Site
from tmlib.ids import encode_id
from tmlib.objects.writing.static_objects import PlacedRectangle, record_static_objects
from tmlib.workflow.steps.plate_map import read_plate_map

__all__ = ["crowd"]

SITE = {name: PLACE[name] for name in ("plate_name", "well_name", "well_pos_y", "well_pos_x")}
IN_SITE: dict[str, Any] = {**SITE, "coordinates": "site"}
IMPORT = "tmlib.objects.exchange.geojson_import"
MEDIA_TYPE = "application/geo+json"


def export(owner: Person, path: str, **query: Any) -> list[dict[str, Any]]:
    """The features, read as the GeoJSON that they must be."""
    answer = owner.request("GET", f"{path}/geojson", query_string=query)
    assert answer.status_code == 200, answer.text
    assert answer.mimetype == MEDIA_TYPE
    collection = geojson.loads(answer.text)
    assert collection.is_valid
    features: list[dict[str, Any]] = collection["features"]
    return features


def send(owner: Person, path: str, content: Any, status: int = 200, **query: Any) -> Any:
    """What the answer to an upload tells: its data, or the message of its error."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    answer = owner.request(
        "POST", f"{path}/geojson", query_string=query, data=data, content_type=MEDIA_TYPE
    )
    assert answer.status_code == status, answer.text
    assert answer.json is not None
    return answer.json["data"] if status == 200 else answer.json["error"]["message"]


def collection(*polygons: Any, **properties: Any) -> dict[str, Any]:
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": json.loads(shapely.to_geojson(polygon)),
                "properties": properties,
            }
            for polygon in polygons
        ],
    }


def test_outlines_with_what_was_measured(crowd: Crowd) -> None:
    name = crowd.clustering()
    features = export(crowd.owner, crowd.path, classification=name)
    frame = crowd.frame
    ids = [uuid.UUID(one["id"]).int for one in features]
    assert [one % 2**80 for one in ids] == frame["mapobject_id"].tolist()
    assert [one >> 96 for one in ids] == frame["tpoint"].tolist()
    [classes] = {
        tuple(row[0] for row in page["rows"])
        for page in [crowd.owner.get(f"{crowd.path}/table", columns=json.dumps([name]))]
    }
    for one, (_, row), label in zip(features, frame.iterrows(), classes, strict=True):
        properties = one["properties"]
        assert properties["objectType"] == "detection"
        assert properties["classification"]["name"] == label
        assert len(properties["classification"]["color"]) == 3
        measured = {key: row[key] for key in ("Area", "Intensity, mean") if not np.isnan(row[key])}
        assert properties["measurements"] == measured
        assert properties["metadata"]["well_name"] == row["well_name"]
        assert properties["metadata"]["label"] == str(row["label"])
        outline: Any = shapely.geometry.shape(one["geometry"])
        # in the orientation of an image: y grows downwards, and is not negative
        assert outline.centroid.coords[0] == (row["centroid_x"], row["centroid_y"])
        assert shapely.is_ccw(outline.exterior)


def test_a_part_of_the_objects(crowd: Crowd) -> None:
    query = {
        "columns": json.dumps(["label"]),
        "filter": json.dumps([{"column": "Area", "min": 50}]),
        "plate_name": "Plate 2",
        "tpoint": 1,
        "coordinates": "site",
    }
    with crowd.database.session() as session:
        plate_map = read_plate_map(session, crowd.storage.experiment_id)
    boxes = [site.box for site in plate_map.sites]
    chosen = crowd.frame.query("Area >= 50 and plate_name == 'Plate 2' and tpoint == 1")
    features = export(crowd.owner, crowd.path, **query)
    ids = [uuid.UUID(one["id"]).int % 2**80 for one in features]
    assert ids == chosen["mapobject_id"].tolist()
    for one, (_, row) in zip(features, chosen.iterrows(), strict=True):
        assert one["properties"]["measurements"] == {"label": row["label"]}
        assert "classification" not in one["properties"]
        left = shapely.geometry.shape(one["geometry"]).bounds[0]
        [box] = [box for place, box in zip(PLACES, boxes, strict=True) if place == place_of(row)]
        assert left == row["centroid_x"] - 4 - box.x
    nothing = json.dumps([{"column": "Area", "min": 1e9}])
    assert export(crowd.owner, crowd.path, filter=nothing) == []


def place_of(row: Any) -> tuple[str, str, int]:
    return row["plate_name"], row["well_name"], row["well_pos_x"]


def test_polygons_are_assigned_to_sites(crowd: Crowd, experiment_id: int) -> None:
    crowd.owner.post(f"{crowd.experiment}/acquisitions", name="Run", plate_name="Plate 1")
    with crowd.database.transaction() as session:
        owner = {"experiment_id": experiment_id}
        channel = Channel(**owner, name="DNA", wavelength="DNA", bit_depth=16, index=0)
        session.add(channel)
        sites = read_plate_map(session, experiment_id).sites
        cycle = Cycle(**owner, index=0)
        session.add(cycle)
        session.flush()
        image = {"acquisition_id": 1, "site_id": sites[0].id, "channel_id": channel.id}
        place = {"cycle_id": cycle.id, "tpoint": 0, "zplane": 0}
        file_map = {"files": ["a.png"], "series": [0], "planes": [0]}
        session.add(ChannelImageFile(**owner, **image, **place, file_map=file_map))
    boxes = [shapely.box(s.box.x + 5, s.box.y + 6, s.box.x + 15, s.box.y + 26) for s in sites]
    created = crowd.owner.post(f"{crowd.experiment}/mapobject_types", name="Boxes")
    path = f"{crowd.experiment}/mapobject_types/{created['id']}"
    answer = send(crowd.owner, path, collection(*reversed(boxes)))
    assert answer == {"n_objects": 5, "n_sites": 5, "n_cut": 0}
    found = [shapely.geometry.shape(one["geometry"]) for one in export(crowd.owner, path)]
    assert all(one.equals(box) for one, box in zip(found, boxes, strict=True))
    page = crowd.owner.get(f"{path}/table", columns='["plate_name", "well_name", "well_pos_x"]')
    assert [tuple(row) for row in page["rows"]] == list(PLACES)


def test_objects_that_left_come_back_the_same(owner: Person, experiment: str, cells: str) -> None:
    ring = LABELS.copy()
    ring[6:8, 12:15] = 0
    ring[2, 2] = ring[3, 3] = 9
    owner.post(f"{cells}/segmentations", **PLACE, image=ring.tolist())
    values = [[float(number)] for number in (1, 7, 9)]
    place = {name: PLACE[name] for name in PLACE if name != "zplane"}
    owner.post(f"{cells}/feature-values", **place, names=["Size"], labels=[1, 7, 9], values=values)
    for number, coordinates in enumerate(("map", "site")):
        content = owner.request("GET", f"{cells}/geojson?coordinates={coordinates}").data
        created = owner.post(f"{experiment}/mapobject_types", name=f"Copies {number}")
        copies = f"{experiment}/mapobject_types/{created['id']}"
        answer = send(owner, copies, content, **(IN_SITE if coordinates == "site" else {}))
        assert answer == {"n_objects": 3, "n_sites": 1, "n_cut": 0}
        labels = np.array(owner.get(f"{copies}/segmentations", **PLACE))
        assert np.array_equal(labels, np.select([ring == 1, ring == 7, ring == 9], [1, 2, 3]))
        before, after = export(owner, cells), export(owner, copies)
        assert [one["geometry"] for one in after] == [one["geometry"] for one in before]
        assert [one["properties"]["measurements"] for one in after] == [
            {"Size": 1.0}, {"Size": 7.0}, {"Size": 9.0},
        ]  # fmt: skip


def test_polygons_have_the_pixels_whose_centres_they_hold(owner: Person, cells: str) -> None:
    triangle = shapely.Polygon([(2, 2), (20, 4), (7, 17)])
    beyond = shapely.box(WIDTH - 6.2, 3.1, WIDTH + 4, 9.9)
    answer = send(owner, cells, collection(triangle, beyond)["features"], **IN_SITE)
    assert answer == {"n_objects": 2, "n_sites": 1, "n_cut": 1}
    labels = np.array(owner.get(f"{cells}/segmentations", **PLACE))
    # a centre on an edge belongs to what is below or to the right of it
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5 + np.array([1e-9, 1e-6])[:, None, None]
    expected = np.select(
        [shapely.intersects_xy(triangle, x, y), shapely.intersects_xy(beyond, x, y)], [1, 2]
    )
    assert np.array_equal(labels, expected)


def test_overlaps_are_refused_or_go_to_the_first(owner: Person, cells: str) -> None:
    boxes = collection(shapely.box(2, 2, 12, 12), shapely.box(8, 2, 18, 12))
    assert "Feature 1 overlaps with others" in send(owner, cells, boxes, 400, **IN_SITE)
    assert export(owner, cells) == []
    send(owner, cells, boxes, overlaps="first", **IN_SITE)
    labels = np.array(owner.get(f"{cells}/segmentations", **PLACE))
    assert np.bincount(labels.ravel()).tolist()[1:] == [100, 60]


def test_measurements_in_the_older_form_of_qupath(owner: Person, cells: str) -> None:
    measured = [{"name": "Nucleus: Area", "value": 3.5}, {"name": "Gone", "value": None}]
    send(owner, cells, collection(SQUARE, measurements=measured), **IN_SITE)
    [found] = export(owner, cells)
    assert found["properties"]["measurements"] == {"Nucleus: Area": 3.5}


SQUARE = shapely.box(2, 2, 12, 12)
POINT = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 1]}}
BOW_TIE = shapely.Polygon([(2, 2), (12, 12), (12, 2), (2, 12)])
BAD: tuple[tuple[Any, str], ...] = (
    (b"{", "is no GeoJSON"),
    (b"[" * 100_000, "more than 64 levels deep"),
    ({"type": "FeatureCollection", "features": []}, 'has no "features"'),
    (7, 'has no "features"'),
    ([POINT], "Feature 0 is no polygon but Point"),
    ([*collection(SQUARE)["features"], 3], "Feature 1 is no polygon but nothing"),
    (collection(BOW_TIE), "feature 0 is not valid: Self-intersection"),
    ([{"geometry": {"type": "Polygon", "coordinates": "x"}}], "feature 0 cannot be read"),
    ([{"geometry": {"type": "Polygon", "coordinates": []}}], "no coordinates"),
    ([{"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}}], "feature 0"),
    (collection(SQUARE, shapely.box(900, 900, 950, 950)), "Feature 1 lies outside all sites"),
    (collection(shapely.box(2.1, 2.1, 2.4, 2.4)), "Feature 0 has no pixel"),
    (collection(*[shapely.box(0, 0, WIDTH, HEIGHT)] * 60), "more than 50 times"),
    (collection(SQUARE, measurements={"Area": "large"}), '"Area" of feature 0 is no number'),
    (collection(SQUARE, measurements=3), "measurements of feature 0"),
    (collection(SQUARE, measurements={"label": 3}), 'cannot be named "label"'),
)


def test_what_cannot_be_stored_stores_nothing(owner: Person, cells: str) -> None:
    for content, reason in BAD:
        message = send(owner, cells, content, 400, **IN_SITE)
        assert reason in message, message
    good = collection(SQUARE)
    assert "say which" in send(owner, cells, good, 400, coordinates="site")
    assert '"coordinates"' in send(owner, cells, good, 400, coordinates="plate")
    assert "time point 3" in send(owner, cells, good, 404, tpoint=3)
    nowhere = IN_SITE | {"well_name": "Z09"}
    assert '"Z09"' in send(owner, cells, good, 404, **nowhere)
    assert export(owner, cells) == []


def test_polygons_that_share_an_edge_share_no_pixel(owner: Person, cells: str) -> None:
    """Their edge runs through the centres of pixels; each of them has a hole, one has two parts."""
    upper = shapely.Polygon([(0, 0), (20, 0), (0, 20)], [[(2, 2), (2, 4), (4, 4), (4, 2)]])
    lower = shapely.Polygon([(20, 0), (20, 20), (0, 20)], [[(15, 15), (15, 18), (18, 15)]])
    both = shapely.MultiPolygon([lower, shapely.box(25, 1, 30, 9)])
    send(owner, cells, collection(upper, both), **IN_SITE)
    labels = np.array(owner.get(f"{cells}/segmentations", **PLACE))
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5 + np.array([1e-9, 1e-6])[:, None, None]
    expected = [shapely.intersects_xy(one, x, y) for one in (upper, both)]
    assert not (expected[0] & expected[1]).any()
    assert np.array_equal(labels, np.select(expected, [1, 2]))


def ring_of(n_vertices: int) -> shapely.Polygon:
    angles = np.linspace(0, 2 * np.pi, n_vertices, endpoint=False)
    return shapely.Polygon(10 + 5 * np.stack([np.cos(angles), np.sin(angles)], axis=1))


def test_polygons_that_would_take_minutes_are_refused_at_once(
    owner: Person, cells: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hole = [[12, 12], [12, 14], [14, 14], [14, 12], [12, 12]]
    frame = [[0, 0], [0, 20], [20, 20], [20, 0], [0, 0]]
    holes = {"type": "Polygon", "coordinates": [frame, *[hole] * 50_000]}
    parts = {"type": "MultiPolygon", "coordinates": [[hole]] * 50_000}
    for geometry in (holes, parts):
        content = {"features": [{"type": "Feature", "geometry": geometry}]}
        message = send(owner, cells, content, 400)
        assert re.search(r"feature 0 has \d+ vertices in 5000[01] rings.*simplify it", message)
    round_cell = collection(ring_of(20_001))
    assert "has 20002 vertices in 1 rings" in send(owner, cells, round_cell, 400, **IN_SITE)
    with monkeypatch.context() as patch:
        patch.setattr(f"{IMPORT}.MAX_CHECK_SECONDS", 0)
        assert "The first 1 polygons" in send(owner, cells, collection(SQUARE), 413)
    comb = [(x, y) for x in range(40) for y in ((0, 30) if x % 2 else (30, 0))]
    tall = shapely.Polygon([*comb, (39.5, -5), (-5, -5)]).buffer(0)
    many = collection(*[tall] * 60)
    assert "more than 50 times" in send(owner, cells, many, 400, **IN_SITE)
    assert export(owner, cells) == []


def test_too_much_at_once(owner: Person, cells: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{IMPORT}.MAX_OBJECTS", 1)
    assert "at most 1" in send(owner, cells, collection(SQUARE, SQUARE), 413)
    monkeypatch.setattr(f"{IMPORT}.MAX_VERTICES", 4)
    assert "vertices" in send(owner, cells, collection(SQUARE), 413)
    monkeypatch.setattr("tmserver.api.geojson.MANY_ITEMS", 10)
    assert "more than 10 values" in send(owner, cells, collection(SQUARE), 413)


def test_wells_are_made_from_the_layout(
    crowd: Crowd, database: Database, experiment_id: int, owner: Person
) -> None:
    with database.transaction() as session:
        site = session.query(Site).first()
        assert site is not None
        well = PlacedRectangle(site.well_id, 0, 0, 50, 50)
        record_static_objects(session, experiment_id, plates=[], wells=[well], sites=[])
    [found] = owner.get(f"{crowd.experiment}/mapobject_types", name="Wells")
    path = f"{crowd.experiment}/mapobject_types/{found['id']}"
    assert "create an object type" in send(owner, path, collection(SQUARE), 409)
    [outline] = export(owner, path)
    assert outline["properties"]["metadata"]["well_name"] == "A01"


def test_exports_that_cannot_be(crowd: Crowd) -> None:
    path = f"{crowd.path}/geojson"
    for query, reason in (
        ({"columns": '["well_name"]'}, "has texts"),
        ({"columns": '["Nothing"]'}, 'no column "Nothing"'),
        ({"classification": "Area"}, "has no classes"),
        ({"coordinates": "plate"}, '"coordinates"'),
    ):
        assert reason in crowd.owner.refused("GET", path, 400, query_string=query)
    crowd.owner.refused("GET", f"{crowd.experiment}/mapobject_types/{encode_id(99)}/geojson", 404)
    for file in crowd.storage.root.rglob("*.parquet"):
        file.unlink()
    crowd.owner.refused("GET", path, 409)
