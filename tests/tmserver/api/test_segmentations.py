"""Label images: sent and fetched in all forms, stored as they are."""

import base64
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray
from PIL import Image

from tests.tmserver.api.conftest import HEIGHT, LABELS, PLACE, WIDTH
from tests.tmserver.conftest import Person
from tmlib.db import Database
from tmlib.experiments.models import Experiment, Plate, Site, Well
from tmlib.objects.writing import segmentations as storing
from tmlib.objects.writing.static_objects import PlacedRectangle, record_static_objects

ALIGNED = LABELS[3:, :-2]


def npz(labels: NDArray[Any], name: str = "segmentation") -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **{name: labels})  # type: ignore[arg-type] # its stubs know no arrays
    return file.getvalue()


def npz_text(labels: NDArray[Any]) -> str:
    return base64.encodebytes(npz(labels)).decode()


def png(labels: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(labels.astype(np.uint16)).save(file, "png")
    return file.getvalue()


def tiff(labels: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, labels)
    return file.getvalue()


def as_npz_text(labels: NDArray[Any]) -> dict[str, Any]:
    return {"json": PLACE | {"npz_file": npz_text(labels)}}


def as_rows(labels: NDArray[Any]) -> dict[str, Any]:
    return {"json": PLACE | {"image": labels.tolist()}}


def as_body(content: bytes, content_type: str) -> dict[str, Any]:
    return {"query_string": PLACE, "data": content, "content_type": content_type}


FORMS: dict[str, Callable[[NDArray[Any]], dict[str, Any]]] = {
    "npz text": as_npz_text,
    "rows": as_rows,
    "npz": lambda labels: as_body(npz(labels), "application/x-npz"),
    "png": lambda labels: as_body(png(labels), "image/png"),
    "tiff": lambda labels: as_body(tiff(labels), "image/tiff"),
    "part": lambda labels: {
        "query_string": PLACE,
        "data": {"file": (io.BytesIO(tiff(labels)), "cells.tif")},
    },
}


@pytest.fixture
def segmentations(cells: str) -> str:
    """Path of the label images of cells, of which there are none yet."""
    return f"{cells}/segmentations"


@pytest.fixture
def stored(owner: Person, segmentations: str) -> str:
    """The same path, with a label image stored."""
    owner.post(segmentations, **PLACE, npz_file=npz_text(LABELS))
    return segmentations


@pytest.mark.parametrize("form", FORMS)
def test_labels_are_stored_in_whatever_form_they_are_sent(
    owner: Person, segmentations: str, form: str
) -> None:
    answer = owner.request("POST", segmentations, **FORMS[form](LABELS))
    assert (answer.status_code, answer.json) == (200, {"message": "ok"})
    assert owner.get(segmentations, **PLACE) == LABELS.tolist()


def fetch(owner: Person, path: str, **query: Any) -> bytes:
    answer = owner.request("GET", path, query_string=PLACE | query)
    assert answer.status_code == 200, answer.text
    ending = {"zarr": "ome.zarr.zip"}.get(query["format"], query["format"])
    name = f"Screen_Plate_1_A01_y000_x001_z000_t000_Cells.{ending}"
    assert answer.headers["Content-Disposition"] == f"attachment; filename={name}"
    content: bytes = answer.data
    return content


def test_labels_come_in_all_forms_as_they_are_stored(
    owner: Person, stored: str, tmp_path: Path
) -> None:
    assert owner.get(stored, **PLACE, format="json") == LABELS.tolist()
    found = np.load(io.BytesIO(fetch(owner, stored, format="npz")))["segmentation"]
    assert found.dtype == np.int32
    assert np.array_equal(found, LABELS)
    image = Image.open(io.BytesIO(fetch(owner, stored, format="png")))
    assert image.mode == "I;16"
    assert np.array_equal(np.asarray(image), LABELS)
    assert np.array_equal(tifffile.imread(io.BytesIO(fetch(owner, stored, format="tiff"))), LABELS)
    archive = tmp_path / "labels.zip"
    archive.write_bytes(fetch(owner, stored, format="zarr"))
    array = zarr.open_group(zarr.storage.ZipStore(archive, mode="r"), mode="r")["0"]
    assert isinstance(array, zarr.Array)
    assert np.array_equal(np.asarray(array[:]), LABELS)
    accepted = owner.request(
        "GET", stored, query_string=PLACE, headers={"Accept": "application/x-npz"}
    )
    assert zipfile.is_zipfile(io.BytesIO(accepted.data))


def test_aligned_labels_show_what_all_cycles_show(owner: Person, segmentations: str) -> None:
    body = PLACE | {"npz_file": npz_text(ALIGNED)}
    query = {"align": "true"}
    assert owner.request("POST", segmentations, json=body, query_string=query).status_code == 200
    assert owner.get(segmentations, **PLACE, align="true") == ALIGNED.tolist()
    whole = np.array(owner.get(segmentations, **PLACE))
    assert np.array_equal(whole[3:, :-2], ALIGNED)
    assert not whole[:3].any()
    assert not whole[:, -2:].any()
    message = owner.refused("POST", segmentations, 400, json=body)
    assert "27 x 38 pixels, but 30 x 40" in message


def test_objects_are_recorded_like_those_of_a_workflow(
    owner: Person,
    experiment: str,
    stored: str,
    database: Database,
    experiment_id: int,
) -> None:
    path = stored.removesuffix("/segmentations")
    metadata = owner.request("GET", f"{path}/metadata").text.splitlines()
    assert [line.partition(",")[2] for line in metadata[1:]] == [
        "Plate 1,A01,0,1,0,0,1,0",
        "Plate 1,A01,0,1,0,0,7,1",
    ]
    [layer] = owner.get(f"{experiment}/segmentation_layers", mapobject_type_name="Cells")
    with database.transaction() as session:
        found = session.get_one(Experiment, experiment_id)
        found.map_height, found.map_width, found.map_levels = HEIGHT, 2 * WIDTH, 2
    tile = f"{experiment}/segmentation_layers/{layer['id']}/tiles?x=0&y=0&z=1"
    first, second = json.loads(owner.request("GET", tile).data)["features"]
    corners = np.array(first["geometry"]["coordinates"][0])
    assert (corners.min(axis=0) == (WIDTH + 10, -9)).all()
    assert (corners.max(axis=0) == (WIDTH + 20, -5)).all()
    assert second["id"] > first["id"]


def test_another_upload_takes_the_place_of_the_first(owner: Person, stored: str) -> None:
    path = stored.removesuffix("/segmentations")
    fewer = np.where(LABELS == 7, 7, 0)
    owner.post(stored, **PLACE, image=fewer.tolist())
    assert owner.get(stored, **PLACE) == fewer.tolist()
    assert len(owner.request("GET", f"{path}/metadata").text.splitlines()) == 2
    owner.post(stored, **PLACE, image=np.zeros_like(LABELS).tolist())
    assert len(owner.request("GET", f"{path}/metadata").text.splitlines()) == 1


def test_when_anything_fails_the_site_keeps_what_it_had(
    owner: Person, stored: str, field: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = stored.removesuffix("/segmentations")
    before = owner.request("GET", f"{path}/metadata").text
    files = sorted(field.parents[4].rglob("*.parquet"))

    def disk_is_full(*arguments: Any, **options: Any) -> None:
        raise OSError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(storing, "write_labels", disk_is_full)
        owner.refused(
            "POST", stored, 500, json=PLACE | {"image": (LABELS > 0).astype(int).tolist()}
        )
    assert owner.request("GET", f"{path}/metadata").text == before
    assert owner.get(stored, **PLACE) == LABELS.tolist()
    assert sorted(field.parents[4].rglob("*.parquet")) == files


BAD: dict[str, dict[str, Any]] = {
    "10 x 40 pixels, but 30 x 40": as_rows(LABELS[:10]),
    "two dimensions": as_npz_text(LABELS[np.newaxis]),
    "negative label -7": as_rows(-LABELS),
    "must be a whole number": as_rows(LABELS + 0.5),
    "not float64": as_npz_text(LABELS.astype(float)),
    "the same length": {"json": PLACE | {"image": [[1, 2], [3]]}},
    "no base64": {"json": PLACE | {"npz_file": "!"}},
    "damaged NPZ": {"json": PLACE | {"npz_file": base64.b64encode(npz(LABELS)[:99]).decode()}},
    'has "labels"': as_body(npz(LABELS, "labels"), "application/x-npz"),
    "not object": as_body(npz(np.full((HEIGHT, WIDTH), None)), "application/x-npz"),
    "neither": as_body(b"GIF89a", "image/png"),
    'part "file"': {
        "query_string": PLACE,
        "data": {"labels": "1"},
        "content_type": "multipart/form-data",
    },
    'either as "npz_file"': {"json": PLACE},
    '"zplane"': {"json": {name: PLACE[name] for name in PLACE if name != "zplane"}},
    '"plate_name", "well_name"': {"data": png(LABELS), "content_type": "image/png"},
}


@pytest.mark.parametrize("reason", BAD)
def test_what_is_no_label_image_of_the_site_is_refused(
    owner: Person, segmentations: str, reason: str
) -> None:
    assert reason in owner.refused("POST", segmentations, 400, **BAD[reason])
    owner.refused("GET", segmentations, 404, query_string=PLACE)


def test_places_that_are_not_there(
    owner: Person, experiment: str, stored: str, database: Database, experiment_id: int
) -> None:
    def problem(status: int, **place: Any) -> str:
        posted = owner.refused("POST", stored, status, **as_rows(LABELS) | changed(place))
        assert owner.refused("GET", stored, status, query_string=PLACE | place)
        return posted

    def changed(place: dict[str, Any]) -> dict[str, Any]:
        return {"json": PLACE | {"image": LABELS.tolist()} | place}

    assert '"B01"' in problem(404, well_name="B01")
    assert "plane 1: there are" in problem(404, zplane=1)
    assert '"tpoint"' in problem(400, tpoint=-1)
    missing = f"{experiment}/mapobject_types/99/segmentations"
    owner.refused("POST", missing, 404, **as_rows(LABELS))
    spots = owner.post(f"{experiment}/mapobject_types", name="Spots")["id"]
    path = f"{experiment}/mapobject_types/{spots}/segmentations"
    assert '"Spots"' in owner.refused("GET", path, 404, query_string=PLACE)
    owner.refused("POST", stored, 415, data="x", content_type="text/plain")
    with database.transaction() as session:
        session.query(Site).one().omitted = True
    refused = owner.refused("POST", stored, 404, query_string={"align": "true"}, **as_rows(ALIGNED))
    assert "could not be aligned" in refused


def test_wells_are_not_segmented(
    owner: Person, experiment: str, field: Path, database: Database, experiment_id: int
) -> None:
    with database.transaction() as session:
        well = session.query(Well).one()
        wells = [PlacedRectangle(well.id, 0, 0, HEIGHT, WIDTH)]
        record_static_objects(session, experiment_id, plates=[], wells=wells, sites=[])
        assert session.query(Plate).count() == 1
    [found] = owner.get(f"{experiment}/mapobject_types", name="Wells")
    path = f"{experiment}/mapobject_types/{found['id']}"
    message = owner.refused("POST", f"{path}/segmentations", 409, **as_rows(LABELS))
    assert '"Wells" are made from the layout' in message


def test_large_labels_do_not_fit_a_png(owner: Person, segmentations: str) -> None:
    owner.post(segmentations, **PLACE, npz_file=npz_text(LABELS * 100_000))
    query = PLACE | {"format": "png"}
    assert "700000" in owner.refused("GET", segmentations, 400, query_string=query)
    found = tifffile.imread(io.BytesIO(fetch(owner, segmentations, format="tiff")))
    assert np.array_equal(found, LABELS * 100_000)


def test_labels_follow_the_name_of_their_type(owner: Person, stored: str) -> None:
    owner.put(stored.removesuffix("/segmentations"), name="Blobs")
    assert owner.get(stored, **PLACE) == LABELS.tolist()


def test_labels_go_with_the_type_of_their_objects(owner: Person, stored: str, field: Path) -> None:
    owner.delete(stored.removesuffix("/segmentations"))
    owner.refused("GET", stored, 404, query_string=PLACE)
    assert list((field / "labels").glob("Cells")) == []
    assert (field / "0").is_dir()
