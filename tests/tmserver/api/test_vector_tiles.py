"""Vector tiles over HTTP: what they are, and for how long they may be kept."""

import json
from typing import Any

import mapbox_vector_tile
import numpy as np
import pytest
from sqlalchemy import select

from tests.tmserver.conftest import Person
from tmlib.db import Database
from tmlib.ids import decode_id, encode_id
from tmlib.objects.mapobject_types import delete_objects
from tmlib.objects.models import MapobjectSegmentation
from tmlib.objects.versions import note_change
from tmlib.sample.experiment import GeneratedExperiment, generate_experiment
from tmlib.settings import Settings

N_OBJECTS = 60


@pytest.fixture
def crowded(owner: Person, database: Database, settings: Settings) -> str:
    """Path of an experiment with objects on a map of 7 levels."""
    assert owner.user_id is not None
    size = GeneratedExperiment(N_OBJECTS, 1)
    experiment_id = generate_experiment(database, settings.data_dir, owner.user_id, "crowded", size)
    return f"/api/experiments/{encode_id(experiment_id)}"


@pytest.fixture
def layer(owner: Person, crowded: str) -> str:
    """Path of the segmentation layer of its cells."""
    [found] = owner.get(f"{crowded}/segmentation_layers", mapobject_type_name="Cells")
    return f"{crowded}/segmentation_layers/{found['id']}"


def test_a_tile_is_a_vector_tile(owner: Person, layer: str) -> None:
    answer = owner.request("GET", f"{layer}/vector_tiles?x=0&y=0&z=0")
    assert answer.status_code == 200
    assert answer.mimetype == "application/vnd.mapbox-vector-tile"
    found = mapbox_vector_tile.decode(answer.data)["outlines"]
    assert len(found["features"]) == N_OBJECTS
    assert {*found["features"][0]["properties"]} == {"label"}
    assert answer.headers["Cache-Control"] == "private, no-cache"


def test_the_tilejson_says_where_tiles_are_and_what_they_show(owner: Person, layer: str) -> None:
    found = owner.get(f"{layer}/tilejson")
    assert found["tilejson"] == "3.0.0"
    assert (found["name"], found["n_objects"]) == ("Cells", N_OBJECTS)
    assert (found["minzoom"], found["maxzoom"]) == (0, len(found["levels"]) - 1)
    assert {level["kind"] for level in found["levels"]} == {"outlines"}
    assert [one["id"] for one in found["vector_layers"]] == ["outlines"]
    assert found["levels"][0]["largest_cell"] >= 1
    (template,) = found["tiles"]
    address = template.format(x=0, y=0, z=0)
    answer = owner.request("GET", address)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"


def test_a_tile_is_sent_again_only_when_objects_have_changed(
    owner: Person, layer: str, crowded: str, database: Database
) -> None:
    path = f"{layer}/vector_tiles?x=0&y=0&z=0"
    version = owner.get(f"{layer}/tilejson")["layer_version"]
    first = owner.request("GET", path)
    known = {"If-None-Match": first.headers["ETag"]}
    again = owner.request("GET", path, headers=known)
    assert (again.status_code, again.data) == (304, b"")
    with database.transaction() as session:
        [found] = owner.get(f"{crowded}/mapobject_types", name="Cells")
        delete_objects(session, decode_id(crowded.rpartition("/")[2]), decode_id(found["id"]))
        note_change(session, decode_id(layer.rpartition("/")[2]))
    changed = owner.request("GET", f"{path}&version={version}", headers=known)
    assert (changed.status_code, changed.data) == (200, b"")
    assert changed.headers["ETag"] != first.headers["ETag"]
    assert changed.headers["Cache-Control"] == "private, no-cache"
    assert owner.get(f"{layer}/tilejson")["layer_version"] != version


def test_where_all_objects_lie_comes_as_arrays(
    owner: Person, layer: str, database: Database
) -> None:
    answer = owner.request("GET", f"{layer}/centroids")
    assert answer.mimetype == "application/vnd.tmserver.values"
    length = int.from_bytes(answer.data[:4], "little")
    header = json.loads(answer.data[4 : 4 + length])
    assert header["n_rows"] == N_OBJECTS
    columns = {
        column["name"]: np.frombuffer(
            answer.data, column["type"], N_OBJECTS, 4 + length + column["offset"]
        )
        for column in header["columns"]
    }
    with database.session() as session:
        stored = session.execute(
            select(
                MapobjectSegmentation.mapobject_id,
                MapobjectSegmentation.centroid_x,
                MapobjectSegmentation.centroid_y,
            ).where(MapobjectSegmentation.segmentation_layer_id == decode_id(layer.split("/")[-1]))
        ).all()
    points = zip(columns["x"], columns["y"], strict=True)
    places = dict(zip(columns["mapobject_id"], points, strict=True))
    assert places == {row[0]: pytest.approx(tuple(row[1:])) for row in stored}
    known = {"If-None-Match": answer.headers["ETag"]}
    assert owner.request("GET", f"{layer}/centroids", headers=known).status_code == 304
    version = owner.get(f"{layer}/tilejson")["layer_version"]
    lasting = owner.request("GET", f"{layer}/centroids?version={version}")
    assert "immutable" in lasting.headers["Cache-Control"]


def test_tiles_that_cannot_be_are_refused(owner: Person, layer: str, crowded: str) -> None:
    def problem(status: int, path: str = layer, **query: Any) -> str:
        place = {"x": 0, "y": 0, "z": 0} | query
        return owner.refused("GET", f"{path}/vector_tiles", status, query_string=place)

    assert "zoom level 30" in problem(400, z=30)
    assert '"x"' in problem(400, x=-1)
    assert "no such segmentation layer" in problem(404, f"{crowded}/segmentation_layers/99")
    assert "no such" in problem(404, result_id=encode_id(99))
    owner.refused("GET", f"{crowded}/segmentation_layers/99/tilejson", 404)
    owner.refused("GET", f"{crowded}/segmentation_layers/99/centroids", 404)


def test_before_there_is_a_map_there_are_no_tiles(owner: Person, experiment: str) -> None:
    path = f"{experiment}/segmentation_layers/1"
    assert "run the workflow" in owner.refused("GET", f"{path}/vector_tiles?x=0&y=0&z=0", 404)
    assert "run the workflow" in owner.refused("GET", f"{path}/tilejson", 404)
