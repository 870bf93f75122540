"""Objects of a time series are the same objects all the time, whoever found them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest

from tests.acceptance import sample
from tests.services import environments, published_client
from tests.services.film import FIRST, SECOND, tracking_project, write_film
from tests.services.installation import PASSWORD, USER, Installation
from tmclient import RequestError, TmClient

THIRD = (None, None, (150, 100))
"""A nucleus that comes late."""

SITE = ("plate", "B02", 0, 0)
SESSION = Path(__file__).with_name("published_client_film.py")
N_TPOINTS = 3

pytestmark = pytest.mark.timeout(900)  # the first run also installs the published client


@pytest.fixture(scope="module")
def film(
    installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TmClient]:
    """A client for a film that was analysed: nuclei are found and followed."""
    folder = tmp_path_factory.mktemp("film")
    write_film(folder, FIRST, SECOND, THIRD)
    with installation.client("film") as client:
        client.create_experiment(microscope_type="cellvoyager", plate_format=96)
        client.create_plate("plate")
        client.create_acquisition("plate", "film")
        client.upload_microscope_files("plate", "film", folder)
        client.upload_jterator_project(**tracking_project())
        client.submit_workflow()
        status = sample.wait_for_end(client)
        assert not status["failed"], status
        yield client


def tracks(values: pd.DataFrame, places: pd.DataFrame) -> dict[int, dict[int, int]]:
    """Id by time point of each label; every object has a row of values wherever it has a place."""
    keys = ["mapobject_id", "tpoint"]
    joined = places.merge(values, on=keys, validate="one_to_one")
    assert len(joined) == len(places) == len(values)
    return {
        int(str(label)): dict(zip(rows["tpoint"], rows["mapobject_id"], strict=True))
        for label, rows in joined.groupby("label")
    }


def check_three_objects(found: dict[int, dict[int, int]]) -> None:
    """Two are there all the time, the third at the end alone."""
    assert sorted(map(sorted, found.values())) == [[0, 1, 2], [0, 1, 2], [2]]
    ids = [set(one.values()) for one in found.values()]
    assert all(len(one) == 1 for one in ids)
    assert len(set.union(*ids)) == len(found) == 3


def ids_of_tiles(client: TmClient, name: str) -> list[set[int]]:
    """Ids on the map at each time point."""
    (kind,) = [one for one in client.get_mapobject_types() if one["name"] == name]
    layers = sorted(kind["layers"], key=lambda layer: int(layer["tpoint"]))
    tiles = [client.download_segmentation_tile(layer["id"], x=0, y=0, z=0) for layer in layers]
    return [{feature["id"] for feature in tile["features"]} for tile in tiles]


def test_a_track_is_an_object(film: TmClient) -> None:
    values = film.download_feature_values("Nuclei")
    assert list(values)[:2] == ["mapobject_id", "tpoint"]
    found = tracks(values, film.download_object_metadata("Nuclei"))
    check_three_objects(found)
    always = {one[0] for one in found.values() if 0 in one}
    assert ids_of_tiles(film, "Nuclei") == [always, always, set(values["mapobject_id"])]
    one = min(always)
    assert film.get_mapobject(one)["tpoint"] == 0


def test_whoever_uploads_them(
    film: TmClient, installation: Installation, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    python = published_client.python(request.config)
    labels = np.zeros((N_TPOINTS, 200, 200), np.int32)
    for tpoint in range(N_TPOINTS):
        labels[tpoint, 10 + tpoint : 20 + tpoint, 10:20] = 7
        labels[tpoint, 50:60, 40 + tpoint : 60 + tpoint] = 2
    labels[2, 100:120, 100:120] = 9
    np.savez(tmp_path / "labels.npz", labels=labels)
    port = urlsplit(installation.url).port
    environments.run(python, SESSION, port, USER, PASSWORD, "film", tmp_path)

    def read(name: str) -> pd.DataFrame:
        return pd.read_csv(tmp_path / f"{name}.csv")

    for name in ("Nuclei", "Drawn"):
        check_three_objects(tracks(read(f"{name} values"), read(f"{name} metadata")))
    values, last = read("Drawn values"), read("last")
    assert list(last) == ["mapobject_id", "hue"]
    of_last = values[values["tpoint"] == 2].drop(columns="tpoint").reset_index(drop=True)
    pd.testing.assert_frame_equal(last, of_last)
    replace_one_time_point(film, labels)


def replace_one_time_point(film: TmClient, labels: Any) -> None:
    """What is sent anew at a time point takes nothing away from the others."""
    before = tracks(film.download_feature_values("Drawn"), film.download_object_metadata("Drawn"))
    moved = np.roll(labels[1], 5, axis=0)
    moved[moved == 2] = 0
    film.upload_segmentation_image("Drawn", *SITE, tpoint=1, zplane=0, image=moved)
    after = tracks(film.download_feature_values("Drawn"), film.download_object_metadata("Drawn"))
    assert after == {7: before[7], 2: {0: before[2][0], 2: before[2][2]}, 9: before[9]}
    film.upload_segmentation_image("Drawn", *SITE, tpoint=1, zplane=0, image=0 * moved)
    ids = ids_of_tiles(film, "Drawn")
    assert ids == [{before[7][0], before[2][0]}, set(), {one[2] for one in before.values()}]
    assert film.get_mapobject(before[7][0], tpoint=2)["tpoint"] == 2
    with pytest.raises(RequestError, match="time point 1"):
        film.get_mapobject(before[7][0], tpoint=1)
