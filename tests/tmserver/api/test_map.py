"""What the viewer asks for: channels, tiles, objects and their values."""

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.tmserver.conftest import Person
from tmlib.db import Database
from tmlib.experiments.models import Channel, ChannelLayer, Experiment, Site, Well
from tmlib.ids import decode_id
from tmlib.images.mosaics import (
    PlacedImage,
    base_regions,
    create_mosaic,
    level_regions,
    level_shapes,
    write_base,
    write_level,
)
from tmlib.objects.mapobject_types import ensure_features, ensure_mapobject_type
from tmlib.objects.writing.recording import prepare_site_objects, record
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage

HEIGHT, WIDTH = 300, 400
PIXELS = np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH) % 1000


@pytest.fixture
def storage(settings: Settings, experiment_id: int) -> ExperimentStorage:
    return ExperimentStorage(settings.data_dir, experiment_id)


@pytest.fixture
def layer(database: Database, experiment_id: int, storage: ExperimentStorage) -> str:
    """Path of the tiles of a channel layer."""
    with database.transaction() as session:
        found = session.get_one(Experiment, experiment_id)
        found.map_height, found.map_width = HEIGHT, WIDTH
        found.map_levels = len(level_shapes(HEIGHT, WIDTH))
        channel = Channel(
            experiment_id=experiment_id, name="DNA", wavelength="1", bit_depth=16, index=0
        )
        layer = ChannelLayer(
            experiment_id=experiment_id,
            tpoint=0,
            zplane=0,
            min_intensity=0,
            max_intensity=1000,
            version="v1",
        )
        channel.layers.append(layer)
        session.add(channel)
        session.flush()
        path = storage.mosaic(channel.id, 0, 0, "v1")
    create_mosaic(path, height=HEIGHT, width=WIDTH, dtype="uint16", name="DNA")
    image = PlacedImage(0, 0, HEIGHT, WIDTH, lambda: PIXELS)
    for region in base_regions(HEIGHT, WIDTH):
        write_base(path, region, [image])
    for region in level_regions(HEIGHT, WIDTH, 0):
        write_level(path, 0, region)
    return f"channel_layers/{layer.id}/tiles"


def test_channels_and_their_layers(owner: Person, experiment: str, layer: str) -> None:
    [channel] = owner.get(f"{experiment}/channels")
    assert (channel["name"], channel["bit_depth"]) == ("DNA", 16)
    [found] = channel["layers"]
    assert found == {
        "id": found["id"],
        "max_zoom": 1,
        "tpoint": 0,
        "zplane": 0,
        "min_intensity": 0,
        "max_intensity": 1000,
        "experiment_id": experiment.rpartition("/")[2],
        "image_size": {"width": WIDTH, "height": HEIGHT},
        "pixel_size": None,
        "version": "v1-0-1000-1",
        "tiles": f"http://localhost{experiment}/{layer.replace('1', found['id'], 1)}"
        "?x={x}&y={y}&z={z}&version=v1-0-1000-1",
    }
    assert owner.get(f"{experiment}/channel_layers", channel_name="DNA", tpoint=0) == [found]
    assert owner.get(f"{experiment}/channel_layers", zplane=1) == []
    path = f"{experiment}/channels/{channel['id']}"
    owner.put(path, name="Nuclei")
    assert owner.get(path) == channel | {"name": "Nuclei"}


def tile(person: Person, path: str, **query: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    response = person.request("GET", path, query_string=query)
    assert response.status_code == 200, response.text
    image = Image.open(io.BytesIO(response.data))
    assert image.format is not None
    assert response.mimetype == f"image/{image.format.lower()}"
    return np.asarray(image)


def test_a_tile_shows_the_pixels_in_the_window_of_intensities(
    owner: Person, experiment: str, layer: str
) -> None:
    path = f"{experiment}/{layer}"
    shown = tile(owner, path, x=1, y=1, z=1, format="png")
    expected = np.zeros((256, 256))
    expected[: HEIGHT - 256, : WIDTH - 256] = PIXELS[256:, 256:].astype(int) * 255 // 1000
    assert np.array_equal(shown, expected)
    shown = tile(owner, path, x=0, y=0, z=1, min=100, max=355, format="png")
    assert np.array_equal(shown, np.clip(PIXELS[:256, :256].astype(int) - 100, 0, 255))
    assert tile(owner, path, x=0, y=0, z=0).shape == (256, 256)
    other = f"{experiment}/{layer.replace('channel_layers', 'channel_layer')}"
    assert tile(owner, other, x=0, y=0, z=0, format="webp").shape == (256, 256, 3)


def test_where_nothing_was_imaged_it_is_black(owner: Person, experiment: str, layer: str) -> None:
    assert not tile(owner, f"{experiment}/{layer}", x=7, y=7, z=1).any()


def test_tiles_that_cannot_be_are_refused(owner: Person, experiment: str, layer: str) -> None:
    path = f"{experiment}/{layer}"

    def problem(**query: Any) -> str:
        return owner.refused("GET", path, 400, query_string={"x": 0, "y": 0, "z": 0} | query)

    assert '"x"' in problem(x=-1)
    assert "'jpeg', 'png' or 'webp'" in problem(format="gif")
    assert "window" in problem(min=9, max=9)
    assert '"x", "y", "z"' in owner.refused("GET", path, 400)
    owner.refused("GET", f"{experiment}/channel_layers/99/tiles?x=0&y=0&z=0", 404)


def test_an_unchanged_tile_is_not_sent_again(
    owner: Person, experiment: str, layer: str, database: Database
) -> None:
    path = f"{experiment}/{layer}?x=0&y=0&z=0"
    first = owner.request("GET", path)
    assert first.headers["Cache-Control"] == "private, no-cache"
    known = {"If-None-Match": first.headers["ETag"]}
    second = owner.request("GET", path, headers=known)
    assert (second.status_code, second.data) == (304, b"")
    assert owner.request("GET", f"{path}&max=5", headers=known).status_code == 200


@pytest.fixture
def cells(
    owner: Person,
    database: Database,
    acquisition: str,
    experiment_id: int,
    layer: str,
    storage: ExperimentStorage,
) -> str:
    """Two cells in one site; the id of their type."""
    with database.transaction() as session:
        site = Site(experiment_id=experiment_id, y=0, x=0, field=0, height=HEIGHT, width=WIDTH)
        session.add(Well(experiment_id=experiment_id, plate_id=1, name="A01", sites=[site]))
        session.flush()
        type_id = ensure_mapobject_type(session, experiment_id, "Cells", "Site")
    labels = np.zeros((HEIGHT, WIDTH), np.int32)
    labels[10:20, 30:50] = 1
    labels[250:260, 250:260] = 2
    prepared = prepare_site_objects(
        database,
        storage,
        mapobject_type_id=type_id,
        site_id=site.id,
        site_offset=(0, 0),
        tpoint=0,
        zplane=0,
        labels=labels,
        measurements=pd.DataFrame({"Area": [200.0, 100.0]}, index=[1, 2]),
    )
    with database.transaction() as session:
        record(session, prepared)
    found: str = owner.get(f"/api/experiments/{experiment_id}/mapobject_types")[0]["id"]
    return found


def test_object_types_with_features_and_layers(owner: Person, experiment: str, cells: str) -> None:
    [found] = owner.get(f"{experiment}/mapobject_types", name="Cells")
    assert found["name"] == "Cells"
    [feature] = found["features"]
    assert feature["name"] == "Area"
    [layer] = found["layers"]
    assert layer == {
        "id": layer["id"],
        "tpoint": 0,
        "zplane": 0,
        "image_size": {"width": WIDTH, "height": HEIGHT},
    }
    features = f"{experiment}/mapobject_types/{cells}/features"
    assert owner.get(features) == owner.get(features, name="Area") == [feature]
    assert owner.get(features, name="Volume") == []
    layers = f"{experiment}/segmentation_layers"
    assert owner.get(layers, mapobject_type_name="Cells", tpoint=0, zplane=0) == [layer]
    assert owner.get(layers, tpoint=1) == []


def test_a_type_is_found_or_made_renamed_and_deleted(
    owner: Person, experiment: str, cells: str, storage: ExperimentStorage
) -> None:
    types = f"{experiment}/mapobject_types"
    assert owner.post(types, name="Cells")["id"] == cells
    nuclei = owner.post(f"{experiment}/mapobject_type", name="Nuclei")
    assert nuclei == {"id": nuclei["id"], "name": "Nuclei", "features": [], "layers": []}
    assert '"Cells"' in owner.refused("PUT", f"{types}/{nuclei['id']}", 409, json={"name": "Cells"})
    owner.put(f"{types}/{nuclei['id']}", name="Kernels")
    assert [one["name"] for one in owner.get(types)] == ["Cells", "Kernels"]
    owner.delete(f"{types}/{cells}")
    assert [one["name"] for one in owner.get(types)] == ["Kernels"]
    assert list(storage.root.rglob("*.parquet")) == []


def test_types_made_from_the_layout_stay_as_they_are(
    owner: Person, experiment: str, experiment_id: int, database: Database
) -> None:
    with database.transaction() as session:
        ensure_mapobject_type(session, experiment_id, "Wells", "Well", is_static=True)
    [wells] = owner.get(f"{experiment}/mapobject_types")
    path = f"{experiment}/mapobject_types/{wells['id']}"
    assert '"Wells"' in owner.refused("DELETE", path, 409)
    assert '"Wells"' in owner.refused("PUT", path, 409, json={"name": "Holes"})
    types = f"{experiment}/mapobject_types"
    assert '"Wells"' in owner.refused("POST", types, 409, json={"name": "Wells"})
    assert owner.get(f"{experiment}/mapobject_types") == [wells]


def test_a_feature_is_renamed_and_deleted_and_its_values_with_it(
    owner: Person, experiment: str, cells: str
) -> None:
    cell_type = f"{experiment}/mapobject_types/{cells}"
    [feature] = owner.get(f"{cell_type}/features")
    path = f"{experiment}/features/{feature['id']}"

    def columns() -> str:
        found: str = owner.request("GET", f"{cell_type}/feature-values").text.splitlines()[0]
        return found

    owner.put(path, name="Size")
    assert columns() == "mapobject_id,Size"
    owner.delete(path)
    assert owner.get(f"{cell_type}/features") == []
    assert columns() == "mapobject_id"
    owner.refused("DELETE", path, 404)


def test_two_features_of_a_type_have_different_names(
    owner: Person, experiment: str, experiment_id: int, cells: str, database: Database
) -> None:
    with database.transaction() as session:
        ensure_features(session, experiment_id, decode_id(cells), ["Area", "Volume"])
    _, volume = owner.get(f"{experiment}/mapobject_types/{cells}/features")
    path = f"{experiment}/features/{volume['id']}"
    assert '"Area"' in owner.refused("PUT", path, 409, json={"name": "Area"})
    owner.put(path, name="Volume")


def test_objects_come_as_geojson_with_y_upwards(owner: Person, experiment: str, cells: str) -> None:
    [layer] = owner.get(f"{experiment}/segmentation_layers")
    path = f"{experiment}/segmentation_layers/{layer['id']}/tiles"
    answer = owner.request("GET", path, query_string={"x": 0, "y": 0, "z": 1})
    assert answer.json.keys() == {"type", "features"}
    first, second = answer.json["features"]
    assert first["properties"] == second["properties"] == {"type": "Cells"}
    assert isinstance(first["id"], int)
    corners = np.array(first["geometry"]["coordinates"][0])
    assert (corners.min(axis=0) == (30, -20)).all()
    assert (corners.max(axis=0) == (50, -10)).all()
    crossing = owner.request("GET", path[:-1], query_string={"x": 1, "y": 1, "z": 1}).json
    assert crossing["features"] == [second]
    known = {"If-None-Match": answer.headers["ETag"]}
    again = owner.request("GET", path, query_string={"x": 0, "y": 0, "z": 1}, headers=known)
    assert again.status_code == 304
    guarded = {"If-Match": '"other"'}
    whole = owner.request("GET", path, query_string={"x": 0, "y": 0, "z": 1}, headers=guarded)
    assert (whole.status_code, whole.json) == (200, answer.json)
    owner.refused("GET", path, 400, query_string={"x": 0, "y": 0, "z": 2})


def test_values_come_as_csv(owner: Person, experiment: str, cells: str) -> None:
    path = f"{experiment}/mapobject_types/{cells}/feature-values"
    answer = owner.request("GET", path, query_string={"plate_name": "Plate 1", "tpoint": 0})
    assert answer.mimetype == "text/csv"
    assert "Screen_Plate 1_t0_Cells_feature-values.csv" in answer.headers["Content-Disposition"]
    header, first, second = answer.text.splitlines()
    assert header == "mapobject_id,Area"
    assert first.split(",")[1] == "200.000000"
    assert second.split(",")[1] == "100.000000"
    assert '"Plate 9"' in owner.refused("GET", path, 404, query_string={"plate_name": "Plate 9"})
    owner.refused("GET", f"{experiment}/mapobject_types/99/feature-values", 404)


def test_where_objects_lie_comes_as_csv(owner: Person, experiment: str, cells: str) -> None:
    path = f"{experiment}/mapobject_types/{cells}/metadata"
    answer = owner.request("GET", path, query_string={"well_name": "A01", "well_pos_x": 0})
    assert answer.mimetype == "text/csv"
    assert "Screen_A01_x0_Cells_metadata.csv" in answer.headers["Content-Disposition"]
    header, first, second = answer.text.splitlines()
    assert header == (
        "mapobject_id,plate_name,well_name,well_pos_y,well_pos_x,tpoint,zplane,label,is_border"
    )
    assert first.partition(",")[2] == "Plate 1,A01,0,0,0,0,1,0"
    assert second.partition(",")[2] == "Plate 1,A01,0,0,0,0,2,0"
    assert '"B09"' in owner.refused("GET", path, 404, query_string={"well_name": "B09"})
    owner.refused("GET", f"{experiment}/mapobject_types/99/metadata", 404)


def test_where_one_object_comes_from(owner: Person, experiment: str, cells: str) -> None:
    table = f"{experiment}/mapobject_types/{cells}/metadata"
    second = int(owner.request("GET", table).text.splitlines()[2].partition(",")[0])
    assert owner.get(f"{experiment}/mapobjects/{second}/info") == {
        "id": second,
        "type": "Cells",
        "experiment_name": "Screen",
        "plate_name": "Plate 1",
        "well_name": "A01",
        "well_pos_y": 0,
        "well_pos_x": 0,
        "tpoint": 0,
        "zplane": 0,
        "label": 2,
    }
    owner.refused("GET", f"{experiment}/mapobjects/99/info", 404)


def test_before_the_map_is_made_there_are_no_objects_to_show(
    owner: Person, experiment: str
) -> None:
    path = f"{experiment}/segmentation_layers/1/tiles?x=0&y=0&z=0"
    assert "run the workflow" in owner.refused("GET", path, 404)
