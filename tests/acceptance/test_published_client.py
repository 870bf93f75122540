"""The client that TissueMAPS published takes a plate through this server, unmodified."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from tests.acceptance import sample
from tests.services import environments, published_client
from tests.services.installation import PASSWORD, USER, Installation
from tmlib.jterator.project import Project
from tmlib.jterator.projects.nuclei_and_cells import nuclei_and_cells
from tmlib.sample import SamplePlate, SampleSite, simulate_plate

SESSION = Path(__file__).with_name("published_client_session.py")
SIZE = 256

# the first run also installs the client
pytestmark = pytest.mark.timeout(900)


@dataclass(frozen=True)
class Taken:
    """What the client has taken home.

    Attributes
    ----------
    folder
        Its files.
    kept
        What it has been told.
    plate
        What it had sent.
    """

    folder: Path
    kept: dict[str, Any]
    plate: SamplePlate

    @property
    def site(self) -> SampleSite:
        """The site whose images it has taken."""
        (site,) = (one for one in self.plate.sites if (one.y, one.x) == (0, 1))
        return site

    def image(self, name: str) -> NDArray[Any]:
        """One of the images of the site."""
        with np.load(self.folder / "images.npz", allow_pickle=False) as images:
            image: NDArray[Any] = images[name]
        return image


@pytest.fixture(scope="session")
def python(request: pytest.FixtureRequest) -> Path:
    """An interpreter with the published client, kept for later runs of the tests."""
    return published_client.python(request.config)


@pytest.fixture(scope="session")
def taken(
    installation: Installation, python: Path, tmp_path_factory: pytest.TempPathFactory
) -> Taken:
    folder = tmp_path_factory.mktemp("published")
    plate = simulate_plate(
        folder / "simulated", wells=["B02"], rows=1, columns=2, height=SIZE, width=SIZE, seed=5
    )
    (folder / "images").mkdir()
    for file in (*plate.image_files, *plate.metadata_files):
        shutil.copy(file, folder / "images")
    (folder / "images" / "notes.txt").write_text("What nobody asked for.")
    nuclei_and_cells("1", "2").to_directory(folder / "project")
    site = {"well": "B02", "y": 0, "x": 1, "channel": "1", "shape": [SIZE, SIZE]}
    (folder / "site.json").write_text(json.dumps(site))
    port = urlsplit(installation.url).port
    environments.run(python, SESSION, port, USER, PASSWORD, folder)
    return Taken(folder, json.loads((folder / "kept.json").read_text()), plate)


def test_images_are_what_was_sent(taken: Taken) -> None:
    (file,) = (one for one in taken.plate.image_files if "F002" in one.name and "C01" in one.name)
    sent = tifffile.imread(file)
    raw = taken.image("raw")
    assert raw.dtype == sent.dtype
    assert np.array_equal(raw, sent)
    corrected = taken.image("corrected")
    assert corrected.dtype == sent.dtype
    assert corrected.shape == sent.shape
    (png,) = (taken.folder / "image files").glob("*_1.png")
    assert np.array_equal(np.asarray(Image.open(png)), sent)


def test_labels_are_the_nuclei(taken: Taken) -> None:
    labels = taken.image("labels")
    assert sample.f1_score(taken.site.nuclei(), labels) >= 0.9
    (png,) = (taken.folder / "image files").glob("*_Nuclei.png")
    assert np.array_equal(np.asarray(Image.open(png)), labels)


def test_every_object_has_values_and_a_place(taken: Taken) -> None:
    values = pd.read_csv(taken.folder / "values.csv")
    places = pd.read_csv(taken.folder / "metadata.csv")
    features = {feature["name"] for feature in taken.kept["listed"]["features"]}
    assert set(values) == features | {"mapobject_id"}
    assert list(places)[:3] == ["mapobject_id", "plate_name", "well_name"]
    here = places[(places.well_pos_y == 0) & (places.well_pos_x == 1)]
    labels = taken.image("labels")
    assert sorted(here.label) == [label for label in np.unique(labels) if label]
    joined = here.merge(values, on="mapobject_id")
    areas = np.bincount(labels.ravel())
    assert list(joined.Morphology_Area) == list(areas[joined.label])
    (file,) = (taken.folder / "value files").glob("*_feature-values.csv")
    pd.testing.assert_frame_equal(pd.read_csv(file), values)
    (file,) = (taken.folder / "value files").glob("*_metadata.csv")
    pd.testing.assert_frame_equal(pd.read_csv(file), places)


def test_lists_are_complete(taken: Taken) -> None:
    listed = taken.kept["listed"]
    assert [well["name"] for well in listed["wells"]] == ["B02"]
    assert listed["wells"][0]["dimensions"] == [1, 2]
    assert {(site["y"], site["x"]) for site in listed["sites"]} == {(0, 0), (0, 1)}
    assert [channel["name"] for channel in listed["channels"]] == ["1", "2"]
    assert [cycle["index"] for cycle in listed["cycles"]] == [0]
    assert listed["layer"] == listed["channels"][0]["layers"][0]["id"]
    assert listed["cycle"] == listed["cycles"][0]["id"]
    names = [kind["name"] for kind in listed["types"]]
    assert names == ["Cells", "Nuclei", "Plates", "Sites", "Wells"]


def test_the_project_comes_back_as_it_was_sent(taken: Taken) -> None:
    sent = Project.from_directory(taken.folder / "project")
    assert Project.from_directory(taken.folder / "copy") == sent


def test_its_command_line_shows_everything(taken: Taken) -> None:
    printed = taken.kept["printed"]
    shown = {command: text.count("\n|") - 1 for command, text in printed.items() if "|" in text}
    assert shown.pop("experiment ls") >= 1  # other tests have some, too
    n_features = len(taken.kept["listed"]["features"])
    assert shown == {
        "plate ls": 1,
        "acquisition ls -p plate 1": 1,
        "well ls": 1,
        "site ls": 2,
        "channel ls": 2,
        "microscope-file ls -p plate 1 -a first acquisition": 6,
        "object-type ls": 7,
        "feature ls -o Nuclei": n_features,
        "workflow status": 1 + 4 + 6,
        "tools ls": 1,
        "tools status": 1,
    }
    assert printed["workflow status"].count("TERMINATED") == 1 + 4 + 6
    logs = [text for command, text in printed.items() if " log " in command]
    assert ["STANDARD OUTPUT" in log for log in logs] == [True, True]


def test_nothing_is_left_when_the_experiment_is_deleted(
    taken: Taken, installation: Installation
) -> None:
    assert "published client" not in json.dumps(taken.kept["left"])
    assert taken.kept["listed"]["channels"][0]["layers"][0]["experiment_id"] not in [
        one["id"] for one in taken.kept["left"]
    ]
