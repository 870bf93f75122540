"""Publishing over HTTP: asked for by owners, then seen by everybody."""

from pathlib import Path
from typing import Any

import numpy as np
from flask import Flask

from tests.tmserver.api.conftest import HEIGHT, PIXELS, WIDTH
from tests.tmserver.conftest import Person
from tmlib.db import Database
from tmlib.ledger.execution import Worker
from tmlib.programs import publishing
from tmlib.settings import Settings

DESCRIPTION: dict[str, Any] = {
    "deposition": {"title": "Colon cells", "description": "All of them."},
    "dataset": {"title": "HT29", "description": "One well.", "sample_type": "cell_line"},
    "authors": [{"name": "Ada", "orcid": "0000-0002-1825-0097"}],
    "voxel_spacing": 3250,
}


def test_an_experiment_is_seen_by_everybody_once_it_is_published(
    owner: Person,
    anonymous: Person,
    experiment: str,
    field: Path,
    app: Flask,
    database: Database,
    settings: Settings,
) -> None:
    path = f"{experiment}/publications"
    assert publishing.Publishing.name  # whoever runs the jobs knows what they are for
    assert owner.get(path) == []
    asked = owner.post(path, **DESCRIPTION)
    assert (asked["state"], asked["published_at"], asked["title"]) == (
        "waiting",
        None,
        "Colon cells",
    )
    assert found(anonymous) == []
    queue = app.extensions["tmserver"].queue
    worker = Worker(database, queue, settings)
    while queue.job_ids:
        worker.run(queue.job_ids.pop(0))
    [told] = owner.get(path)
    assert told == owner.get(f"{path}/{told['id']}")
    assert (told["state"], told["percent_done"], told["error"]) == ("done", 100.0, None)
    assert told["published_at"] is not None
    tomograms = found(anonymous)
    assert [one["name"] for one in tomograms] == ["DNA", "Actin"]
    # what all cycles show, as it lies on the map
    assert (tomograms[0]["sizeY"], tomograms[0]["sizeX"]) == (HEIGHT - 3, WIDTH - 2)
    assert tomograms[0]["run"]["dataset"]["id"] == told["dataset_id"]
    for one, expected in zip(tomograms, (PIXELS[3:, :-2], PIXELS[:-3, 2:] + 1), strict=True):
        address = one["httpsMrcFile"].removeprefix("http://localhost")
        content = anonymous.request("GET", address).data
        header = 1024
        pixels = np.frombuffer(content[header:], np.uint16).reshape(expected.shape)
        assert np.array_equal(pixels, expected)


def found(anonymous: Person) -> list[dict[str, Any]]:
    query = "{tomograms {name sizeY sizeX httpsMrcFile run {dataset {id title}}}}"
    response = anonymous.request("POST", "/graphql", json={"query": query})
    tomograms: list[dict[str, Any]] = response.json["data"]["tomograms"]
    return tomograms


def test_what_is_wrong_with_a_description_is_told(
    owner: Person, experiment: str, field: Path
) -> None:
    path = f"{experiment}/publications"

    def told(**changes: Any) -> str:
        return owner.refused("POST", path, 400, json={**DESCRIPTION, **changes})

    assert "voxel_spacing" in told(voxel_spacing=None)
    assert "authors" in told(authors=[])
    assert "orcid" in told(authors=[{"name": "Ada", "orcid": "1"}])
    assert "cell_line" in told(dataset={**DESCRIPTION["dataset"], "sample_type": "film"})
    assert "title" in told(deposition={"description": "-"})
    assert owner.get(path) == []


def test_what_has_no_images_is_not_published(owner: Person, experiment: str) -> None:
    told = owner.refused("POST", f"{experiment}/publications", 400, json=DESCRIPTION)
    assert "has no images yet" in told


def test_a_publication_can_be_ended(owner: Person, experiment: str, field: Path) -> None:
    path = f"{experiment}/publications"
    asked = owner.post(path, **DESCRIPTION)
    assert "is being published" in owner.refused("POST", path, 409, json=DESCRIPTION)
    assert owner.post(f"{path}/{asked['id']}/kill") == {"message": "ok"}
    assert owner.get(f"{path}/{asked['id']}")["state"] == "killed"
    again = owner.post(path, **DESCRIPTION)
    assert again["deposition_id"] == asked["deposition_id"] + 1
