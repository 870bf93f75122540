"""Requests as the original's later client, its viewer and its documentation spell them."""

import base64
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import requests

from tests.acceptance import sample
from tests.acceptance.sample import Finished
from tests.services.installation import PASSWORD, USER, Installation

SITE = {"plate_name": sample.PLATE, "well_name": "B02", "well_pos_y": 0, "well_pos_x": 1}
PLANE = {"tpoint": 0, "zplane": 0}


class Original:
    """Sends requests the way the original's programs do."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False
        login = self.session.post(f"{url}/auth", json={"username": USER, "password": PASSWORD})
        # the client sends its own Host, without a port
        self.session.headers["Host"] = "127.0.0.1"
        self.session.headers["Authorization"] = f"JWT {login.json()['access_token']}"

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        response = self.session.request(method, self.url + path, timeout=60, **options)
        assert response.status_code == 200, f"{method} {path}: {response.text}"
        return response

    def get(self, path: str, **query: Any) -> Any:
        return self("GET", path, params=query).json()["data"]


@pytest.fixture
def original(installation: Installation) -> Iterator[Original]:
    client = Original(installation.url)
    yield client
    client.session.close()


@pytest.fixture
def experiment(finished: Finished) -> str:
    return f"/api/experiments/{finished.client.experiment_id}"


def decimal(identifier: str) -> str:
    """An id as the original writes it."""
    return base64.b64decode(identifier).decode()


def legacy(identifier: str) -> str:
    """An id as the original read it, long ago."""
    return base64.urlsafe_b64encode(f"tmaps{decimal(identifier)}".encode()).decode()


@pytest.mark.parametrize("spell", [decimal, legacy])
def test_ids_of_old_are_understood(
    original: Original, experiment: str, spell: Any, finished: Finished
) -> None:
    spelt = f"/api/experiments/{spell(finished.client.experiment_id)}"
    assert original.get(spelt) == original.get(experiment)


@pytest.mark.parametrize("word", ["True", "False"])
@pytest.mark.parametrize("path", ["image-file", "image-files"])
def test_images_are_asked_for_with_words(
    original: Original, experiment: str, path: str, word: str
) -> None:
    (channel,) = original.get(f"{experiment}/channels", name="1")
    where = SITE | PLANE | {"cycle_index": 0, "align": word}
    url = f"{experiment}/channels/{channel['id']}/{path}"
    spelt = [original("GET", url, params=where | {name: word}) for name in ("correct", "illumcorr")]
    assert spelt[0].content == spelt[1].content
    assert spelt[0].headers["Content-Type"] == "image/png"
    assert spelt[0].headers["Content-Disposition"].endswith("_y000_x001_z000_t000_1.png")


def test_labels_go_as_archive_or_as_rows(original: Original, experiment: str) -> None:
    labels = np.zeros((sample.SIZE, sample.SIZE), np.int32)
    labels[5:9, 5:9] = 1
    archive = io.BytesIO()
    np.savez_compressed(archive, segmentation=labels)
    forms = {
        "npz_file": base64.b64encode(archive.getvalue()).decode(),
        "image": labels.tolist(),
    }
    for path, (name, content) in zip(
        ("mapobject_types", "mapobject_type"), forms.items(), strict=True
    ):
        created = original("POST", f"{experiment}/{path}", json={"name": name}).json()["data"]
        kind = f"{experiment}/mapobject_types/{created['id']}"
        body = SITE | PLANE | {name: content}
        original("POST", f"{kind}/segmentations", params={"align": "False"}, json=body)
        found = original.get(f"{kind}/segmentations", **SITE, **PLANE, align="False")
        assert np.array_equal(found, labels)
        values = {"names": ["hue"], "labels": [1], "values": [[0.5]], "tpoint": 0}
        original("POST", f"{kind}/feature-values", json=SITE | values)
        assert ",0.5" in original("GET", f"{kind}/feature-values", params=SITE).text
        original("DELETE", kind)


def test_where_an_object_comes_from(original: Original, experiment: str) -> None:
    (kind,) = original.get(f"{experiment}/mapobject_types", name="Nuclei")
    metadata = original("GET", f"{experiment}/mapobject_types/{kind['id']}/metadata", params=SITE)
    number = metadata.text.splitlines()[1].split(",")[0]
    found = original.get(f"{experiment}/mapobjects/{number}/info")
    assert str(found["id"]) == number
    assert {name: found[name] for name in SITE} == SITE
    assert found["type"] == "Nuclei"


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("plates", {"name": sample.PLATE}),
        ("acquisitions", {"plate_name": sample.PLATE}),
        ("wells", {"plate_name": sample.PLATE, "name": "B02"}),
        ("sites", SITE),
        ("cycles", {"plate_name": sample.PLATE, "index": 0}),
        ("channel_layers", {"channel_name": "1"} | PLANE),
        ("segmentation_layers", {"mapobject_type_name": "Nuclei"} | PLANE),
    ],
)
def test_things_are_found_by_what_names_them(
    original: Original, experiment: str, path: str, query: dict[str, Any]
) -> None:
    assert len(original.get(f"{experiment}/{path}", **query)) == 1


@pytest.mark.parametrize("word", ["phase", "step_phase"])
def test_jobs_are_found_by_phase(original: Original, experiment: str, word: str) -> None:
    path = f"{experiment}/workflow/jobs"
    jobs = original.get(path, step_name="imextract", **{word: "run"})
    assert jobs
    named = original.get(path, step_name="imextract", name=jobs[0]["name"])
    assert named == jobs[:1]
    assert original.get(path, step_name="imextract", index=0, batch_size=1) != []


@pytest.mark.parametrize("form", [str, lambda name: {"name": name}])
def test_names_of_files_are_checked_in_both_forms(
    original: Original, experiment: str, form: Any
) -> None:
    (acquisition,) = original.get(f"{experiment}/acquisitions")
    path = f"{experiment}/acquisitions/{acquisition['id']}/upload/validity-check"
    names = ["sample_B02_T0001F001L01A01Z01C01.tif", "notes.doc"]
    answer = original("POST", path, json={"files": [form(name) for name in names]}).json()
    assert answer == {"is_valid": [True, False]}


def test_tiles_and_tools_answer_in_all_spellings(original: Original, experiment: str) -> None:
    (layer,) = original.get(f"{experiment}/channel_layers", channel_name="1", **PLANE)
    (objects,) = original.get(
        f"{experiment}/segmentation_layers", mapobject_type_name="Nuclei", **PLANE
    )
    tile = {"x": 0, "y": 0, "z": 0}
    for path in ("channel_layer", "channel_layers"):
        answer = original("GET", f"{experiment}/{path}/{layer['id']}/tiles", params=tile)
        assert answer.headers["Content-Type"] == "image/jpeg"
    for path in ("tile", "tiles"):
        url = f"{experiment}/segmentation_layers/{objects['id']}/{path}"
        assert original("GET", url, params=tile).json()["type"] == "FeatureCollection"
    assert {"name", "icon", "description", "methods"} <= original.get("/api/tools")[0].keys()
    for path in ("result", "results"):
        assert original.get(f"{experiment}/tools/{path}", name="none of this name") == []


def test_workflows_are_described_as_they_were_read(original: Original, experiment: str) -> None:
    description = original.get(f"{experiment}/workflow/description")
    original("POST", f"{experiment}/workflow/description", json={"description": description})
    assert original.get(f"{experiment}/workflow/description") == description
    project = original.get(f"{experiment}/workflow/jtproject")
    original("PUT", f"{experiment}/workflow/jtproject", json=project)
    assert original.get(f"{experiment}/workflow/jtproject") == project
    for path in ("workflow_types", "microscope_types", "acquisition_modes"):
        assert original.get(f"/api/{path}")
