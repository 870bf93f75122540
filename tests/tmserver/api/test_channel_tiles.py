"""Channel tiles that are lossless, and those that are kept for good."""

import io
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.tmserver.conftest import Answer, Person
from tmlib.db import Database
from tmlib.experiments.models import Channel, ChannelLayer, Experiment
from tmlib.ids import decode_id, encode_id
from tmlib.images.mosaic_regions import save_digests
from tmlib.images.mosaics import (
    PlacedImage,
    base_regions,
    create_mosaic,
    level_regions,
    level_shapes,
    read_tile,
    write_base,
    write_level,
)
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage
from tmserver.api import tiles
from tmserver.application import create_app

HEIGHT, WIDTH = 300, 400
PIXELS = np.random.default_rng(1).integers(0, 2**16, (HEIGHT, WIDTH)).astype(np.uint16)
BLACK = {"x": 7, "y": 7, "z": 1}
FOR_GOOD = "private, max-age=31536000, immutable"


class Map:
    """The map of a channel, of which there may be one version after the other."""

    def __init__(self, database: Database, storage: ExperimentStorage, experiment_id: int) -> None:
        self.database, self.storage = database, storage
        with database.transaction() as session:
            experiment = session.get_one(Experiment, experiment_id)
            experiment.map_height, experiment.map_width = HEIGHT, WIDTH
            experiment.map_levels = len(level_shapes(HEIGHT, WIDTH))
            owner = {"experiment_id": experiment_id}
            channel = Channel(**owner, name="DNA", wavelength="1", bit_depth=16, index=0)
            layer = ChannelLayer(
                **owner, tpoint=0, zplane=0, min_intensity=0, max_intensity=1000, version="none"
            )
            channel.layers.append(layer)
            session.add(channel)
            session.flush()
            self.channel_id, self.layer_id = channel.id, layer.id

    def show(self, version: str, pixels: NDArray[Any]) -> None:
        """Show another version, and remove the one that was shown."""
        with self.database.transaction() as session:
            layer = session.get_one(ChannelLayer, self.layer_id)
            last, layer.version = layer.version, version
        self.make(version, pixels)
        save_digests(self.storage.mosaic(self.channel_id, 0, 0, version), [{}, {}])
        if last != version:
            shutil.rmtree(self.storage.mosaic(self.channel_id, 0, 0, last), ignore_errors=True)

    def make(self, version: str, pixels: NDArray[Any] | None) -> None:
        """Make the mosaic of a version, or begin to."""
        path = self.storage.mosaic(self.channel_id, 0, 0, version)
        dtype: Any = "uint16" if pixels is None else pixels.dtype.name
        create_mosaic(path, height=HEIGHT, width=WIDTH, dtype=dtype, name="DNA")
        if pixels is None:
            return
        image = PlacedImage(0, 0, HEIGHT, WIDTH, lambda: pixels)
        for region in base_regions(HEIGHT, WIDTH):
            write_base(path, region, [image])
        for region in level_regions(HEIGHT, WIDTH, 0):
            write_level(path, 0, region)


@pytest.fixture
def shown(settings: Settings, database: Database, experiment_id: int) -> Map:
    found = Map(database, ExperimentStorage(settings.data_dir, experiment_id), experiment_id)
    found.show("v1", PIXELS)
    return found


@pytest.fixture
def layer(owner: Person, experiment: str, shown: Map) -> str:
    """Path of the channel's tiles."""
    return f"{experiment}/channel_layers/{encode_id(shown.layer_id)}/tiles"


@pytest.fixture
def elsewhere(owner: Person) -> Iterator[Person]:
    """The owner, whom a process answers that has nothing to remember."""
    application = create_app(owner.app.extensions["tmserver"].settings)
    application.extensions["tmserver"].live.close()
    yield Person(application, owner.user_id)
    application.extensions["tmserver"].database.close()


def get_tile(person: Person, path: str, **query: Any) -> Answer:
    answer = person.request("GET", path, query_string={"x": 0, "y": 0, "z": 1} | query)
    assert answer.status_code == 200, answer.text
    return answer


def decoded(answer: Answer) -> NDArray[Any]:
    return np.asarray(Image.open(io.BytesIO(answer.data)))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_tile_without_loss_has_the_intensities_that_are_stored(
    owner: Person, layer: str, shown: Map, dtype: str
) -> None:
    pixels = PIXELS.astype(dtype)
    shown.show("v2", pixels)
    for x, y in [(0, 0), (1, 0), (0, 1), (1, 1)]:
        answer = get_tile(owner, layer, x=x, y=y, format="png16")
        assert answer.mimetype == "image/png"
        assert Image.open(io.BytesIO(answer.data)).mode == "I;16"
        part = pixels[256 * y : 256 * (y + 1), 256 * x : 256 * (x + 1)]
        expected = np.zeros((256, 256), int)
        expected[: part.shape[0], : part.shape[1]] = part
        assert np.array_equal(decoded(answer), expected)
    black = decoded(get_tile(owner, layer, **BLACK, format="png16"))
    assert black.shape == (256, 256)
    assert not black.any()


@pytest.mark.parametrize("window", [{"min": 1}, {"max": 5}])
def test_a_tile_without_loss_has_no_window(
    owner: Person, layer: str, window: dict[str, int]
) -> None:
    query = {"x": 0, "y": 0, "z": 0, "format": "png16"} | window
    assert "leave" in owner.refused("GET", layer, 400, query_string=query)


def get_layer(owner: Person, experiment: str) -> dict[str, str]:
    [found] = owner.get(f"{experiment}/channel_layers")
    [channel] = owner.get(f"{experiment}/channels")
    assert channel["layers"] == [found]
    layer: dict[str, str] = found
    return layer


@pytest.mark.parametrize("more", ["", "&format=png16", "&min=5&max=50&format=png"])
def test_an_address_with_the_version_is_good_for_ever(
    owner: Person, experiment: str, layer: str, more: str
) -> None:
    found = get_layer(owner, experiment)
    address = found["tiles"].format(x=1, y=0, z=1) + more
    assert f"version={found['version']}" in address
    for _ in range(2):
        lasting = owner.request("GET", address)
        assert (lasting.status_code, lasting.headers["Cache-Control"]) == (200, FOR_GOOD)
    passing = owner.request("GET", f"{layer}?x=1&y=0&z=1{more}")
    assert passing.headers["Cache-Control"] == "private, no-cache"
    assert passing.data == lasting.data
    assert passing.headers["ETag"] == lasting.headers["ETag"]
    again = owner.request("GET", address, headers={"If-None-Match": lasting.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["Cache-Control"] == FOR_GOOD


@pytest.mark.parametrize("form", ["png16", "jpeg"])
def test_a_version_that_is_no_more_gives_the_tile_that_is_shown_now(
    owner: Person, experiment: str, layer: str, shown: Map, form: str
) -> None:
    before = get_layer(owner, experiment)["version"]
    old = get_tile(owner, layer, version=before, format=form)
    shown.show("v2", PIXELS // 2)
    now = get_tile(owner, layer, version=before, format=form)
    assert now.headers["Cache-Control"] == "private, no-cache"
    assert now.headers["ETag"] != old.headers["ETag"]
    assert now.data == get_tile(owner, layer, format=form).data != old.data
    after = get_layer(owner, experiment)["version"]
    assert after != before
    lasting = get_tile(owner, layer, version=after, format=form)
    assert lasting.headers["Cache-Control"] == FOR_GOOD
    assert lasting.data == now.data


def test_another_window_is_another_version(
    owner: Person, elsewhere: Person, experiment: str, layer: str, shown: Map, database: Database
) -> None:
    before = get_layer(owner, experiment)["version"]
    old = get_tile(owner, layer, version=before, format="png")
    with database.transaction() as session:
        session.get_one(ChannelLayer, shown.layer_id).max_intensity = 2**16 - 1
    after = get_layer(owner, experiment)["version"]
    assert after != before
    new = get_tile(owner, layer, version=after, format="png")
    assert np.array_equal(decoded(new), PIXELS[:256, :256].astype(int) * 255 // 65535)
    for person in (owner, elsewhere):
        for version, tile in ((before, old), (after, new)):
            again = get_tile(person, layer, version=version, format="png")
            assert again.data == tile.data
            assert again.headers["Cache-Control"] == FOR_GOOD


@pytest.mark.parametrize("wrong", ["7-7", "9-3", "0-99999999", "00-5", "-1-5", "a-b", ""])
def test_what_is_no_version_gives_the_tile_that_is_shown_now(
    owner: Person, experiment: str, layer: str, wrong: str
) -> None:
    version = get_layer(owner, experiment)["version"].replace("0-1000", wrong)
    tile = get_tile(owner, layer, version=version)
    assert tile.headers["Cache-Control"] == "private, no-cache"
    assert tile.data == get_tile(owner, layer).data


@pytest.mark.parametrize("form", ["png16", "jpeg"])
def test_what_is_black_only_while_it_is_made_is_not_kept(
    owner: Person, experiment: str, layer: str, shown: Map, form: str
) -> None:
    version = get_layer(owner, experiment)["version"]
    black = get_tile(owner, layer, **BLACK, version=version, format=form)
    assert black.headers["Cache-Control"] == FOR_GOOD
    shown.make("v1", None)
    early = get_tile(owner, layer, version=version, format=form)
    assert not decoded(early).any()
    assert early.headers["Cache-Control"] == "no-store"
    assert "ETag" not in early.headers
    shown.show("v1", PIXELS)
    late = get_tile(owner, layer, version=version, format=form)
    assert decoded(late).any()
    assert late.headers["Cache-Control"] == FOR_GOOD


@pytest.mark.parametrize("change", ["completed", "emptied"])
def test_a_map_that_changes_while_it_is_read_is_not_kept_black(
    owner: Person,
    experiment: str,
    layer: str,
    shown: Map,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
) -> None:
    version = get_layer(owner, experiment)["version"]
    n_read = 0
    if change == "completed":
        shown.make("v1", None)

    def read_beside_a_workflow(*args: Any, **place: Any) -> Any:
        nonlocal n_read
        n_read += 1
        if n_read == 2 and change == "emptied":
            shown.make("v1", None)
        pixels = read_tile(*args, **place)
        if n_read == 2 and change == "completed":
            shown.show("v1", PIXELS)
        return pixels

    monkeypatch.setattr(tiles, "read_tile", read_beside_a_workflow)
    where = BLACK if change == "emptied" else {}
    tile = get_tile(owner, layer, **where, version=version)
    assert not decoded(tile).any()
    assert tile.headers["Cache-Control"] == "no-store"


def test_every_tile_is_for_those_only_who_may_see_it_now(
    people: dict[str, Person], owner: Person, experiment: str, layer: str
) -> None:
    version = get_layer(owner, experiment)["version"]
    known = {"If-None-Match": get_tile(owner, layer, version=version).headers["ETag"]}
    query = {"x": 0, "y": 0, "z": 1, "version": version}
    reader = people["reader"]
    for person, status in ((people["stranger"], 404), (people["anonymous"], 401), (reader, 404)):
        person.refused("GET", layer, status, query_string=query, headers=known)
    owner.put(f"{experiment}/shares/reader", permission="read")
    assert get_tile(reader, layer, version=version).headers["Cache-Control"] == FOR_GOOD
    owner.delete(f"{experiment}/shares/reader")
    reader.refused("GET", layer, 404, query_string=query, headers=known)


def test_a_layer_that_is_gone_has_no_tiles(
    owner: Person, experiment: str, layer: str, shown: Map, database: Database
) -> None:
    version = get_layer(owner, experiment)["version"]
    get_tile(owner, layer, version=version)
    with database.transaction() as session:
        session.delete(session.get_one(Channel, shown.channel_id))
    shutil.rmtree(shown.storage.mosaic(shown.channel_id, 0, 0, "v1"))
    query = {"x": 0, "y": 0, "z": 1, "version": version}
    assert "no such channel layer" in owner.refused("GET", layer, 404, query_string=query)


def test_a_version_is_that_of_one_experiment(owner: Person, experiment: str, layer: str) -> None:
    version = get_layer(owner, experiment)["version"]
    get_tile(owner, layer, version=version)
    other = owner.post(
        "/api/experiments",
        name="Another",
        workflow_type="canonical",
        microscope_type="cellvoyager",
        plate_format="96",
        plate_acquisition_mode="basic",
    )["id"]
    assert decode_id(other) != decode_id(experiment.rpartition("/")[2])
    path = layer.replace(experiment, f"/api/experiments/{other}")
    query = {"x": 0, "y": 0, "z": 1, "version": version}
    assert "no such channel layer" in owner.refused("GET", path, 404, query_string=query)
