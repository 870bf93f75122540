"""Images of sites: pixels as PNG and TIFF."""

import io
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from tests.tmserver.api.conftest import HEIGHT, PIXELS, PLACE, WIDTH
from tests.tmserver.conftest import Person
from tmlib.db import Database
from tmlib.experiments.models import Channel, Experiment, IllumstatsFile, Site
from tmlib.images.illumination import IlluminationCorrection, IlluminationStatistics
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage


@pytest.fixture
def channels(owner: Person, experiment: str, field: object) -> dict[str, str]:
    """Path of the images of each channel."""
    return {
        channel["name"]: f"{experiment}/channels/{channel['id']}/image-file"
        for channel in owner.get(f"{experiment}/channels")
    }


def image(person: Person, path: str, **query: Any) -> NDArray[Any]:
    response = person.request("GET", path, query_string=PLACE | query)
    assert response.status_code == 200, response.text
    assert response.mimetype == "image/png"
    found = Image.open(io.BytesIO(response.data))
    assert found.mode == "I;16"
    return np.asarray(found)


def test_the_image_of_a_site_comes_as_it_was_taken(owner: Person, channels: dict[str, str]) -> None:
    assert np.array_equal(image(owner, channels["DNA"], cycle_index=0), PIXELS)
    assert np.array_equal(image(owner, f"{channels['Actin']}s", cycle_index=1), PIXELS + 1)
    query = PLACE | {"cycle_index": 0}
    answer = owner.request("GET", channels["DNA"], query_string=query)
    name = "Screen_Plate_1_A01_y000_x001_z000_t000_DNA.png"
    assert answer.headers["Content-Disposition"] == f"attachment; filename={name}"


def test_aligned_images_show_the_same_part(owner: Person, channels: dict[str, str]) -> None:
    dna = image(owner, channels["DNA"], cycle_index=0, align=True)
    assert np.array_equal(dna, PIXELS[3:, :-2])
    actin = image(owner, channels["Actin"], cycle_index=1, align=True)
    assert np.array_equal(actin, PIXELS[:-3, 2:] + 1)


@pytest.mark.parametrize("parameter", ["correct", "illumcorr"])
def test_uneven_light_is_corrected_once_it_was_measured(
    owner: Person,
    channels: dict[str, str],
    database: Database,
    experiment_id: int,
    settings: Settings,
    parameter: str,
) -> None:
    path = channels["DNA"]
    query = PLACE | {"cycle_index": 0, parameter: True}
    assert "corilla" in owner.refused("GET", path, 404, query_string=query)
    statistics = IlluminationStatistics(HEIGHT, WIDTH)
    for brightness in range(1000, 1020):
        statistics.update(np.full((HEIGHT, WIDTH), brightness, np.uint16) + PIXELS // 50)
    file = ExperimentStorage(settings.data_dir, experiment_id).root / "light.npz"
    statistics.save(file)
    with database.transaction() as session:
        session.add(
            IllumstatsFile(
                experiment_id=experiment_id,
                channel_id=session.query(Channel).filter_by(name="DNA").one().id,
                path=file.name,
                n_images=20,
                flatness_before=1.0,
                flatness_after=1.0,
            )
        )
    expected = IlluminationCorrection.load(file).correct(PIXELS)
    assert not np.array_equal(expected, PIXELS)
    assert np.array_equal(image(owner, path, **query), expected)


def test_images_that_are_not_there(
    owner: Person, experiment: str, channels: dict[str, str], database: Database
) -> None:
    path = channels["DNA"]

    def problem(status: int, **query: Any) -> str:
        place = PLACE | {"cycle_index": 0} | query
        return owner.refused("GET", path, status, query_string=place)

    assert '"A02"' in problem(404, well_name="A02")
    assert "x=7" in problem(404, well_pos_x=7)
    assert "time point 1" in problem(404, tpoint=1)
    assert "cycle 1" in problem(404, cycle_index=1)
    assert '"align"' in problem(400, align="perhaps")
    assert '"plate_name", "well_name"' in owner.refused("GET", path, 400)
    assert '"cycle_index"' in owner.refused("GET", path, 400, query_string=PLACE)
    missing = f"{experiment}/channels/99/image-file"
    owner.refused("GET", missing, 404, query_string=PLACE | {"cycle_index": 0})
    with database.transaction() as session:
        session.query(Site).one().omitted = True
    assert "could not be aligned" in problem(404, align=True)


@pytest.mark.parametrize("chosen", ["format", "header"])
def test_images_come_as_tiff_too(
    owner: Person,
    channels: dict[str, str],
    database: Database,
    experiment_id: int,
    chosen: str,
) -> None:
    with database.transaction() as session:
        session.get_one(Experiment, experiment_id).pixel_size = 0.5
    query = PLACE | {"cycle_index": 0, "align": True}
    query |= {"format": "tiff"} if chosen == "format" else {}
    headers = {"Accept": "image/tiff, */*;q=0.5"} if chosen == "header" else {}
    answer = owner.request("GET", channels["DNA"], query_string=query, headers=headers)
    assert answer.mimetype == "image/tiff"
    assert answer.headers["Content-Disposition"].endswith("_DNA.tiff")
    with tifffile.TiffFile(io.BytesIO(answer.data)) as file:
        page = file.pages.first
        assert page.get_resolution("micrometer") == (2, 2)
        assert np.array_equal(page.asarray(), PIXELS[3:, :-2])
    refused = owner.refused("GET", channels["DNA"], 400, query_string=query | {"format": "bmp"})
    assert "'png' or 'tiff'" in refused


def test_the_position_may_be_left_out_where_there_is_one_site(
    owner: Person, channels: dict[str, str], database: Database, experiment_id: int
) -> None:
    query = {name: PLACE[name] for name in ("plate_name", "well_name", "tpoint", "zplane")}
    query["cycle_index"] = 0
    assert owner.request("GET", channels["DNA"], query_string=query).status_code == 200
    with database.transaction() as session:
        size = {"height": HEIGHT, "width": WIDTH}
        session.add(Site(experiment_id=experiment_id, well_id=1, y=0, x=0, field=1, **size))
    assert '"well_pos_x"' in owner.refused("GET", channels["DNA"], 400, query_string=query)
    query["well_name"] = "B01"
    assert '"B01"' in owner.refused("GET", channels["DNA"], 404, query_string=query)
