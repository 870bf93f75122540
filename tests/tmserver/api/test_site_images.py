"""Images of sites: pixels as PNG, labels as JSON."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.tmserver.conftest import Person
from tmlib.db import Database
from tmlib.experiments.models import (
    Channel,
    ChannelImageFile,
    Cycle,
    IllumstatsFile,
    Site,
    SiteShift,
    Well,
)
from tmlib.ids import encode_id
from tmlib.images.channel_images import FieldShape, field_path, write_plane
from tmlib.images.illumination import IlluminationCorrection, IlluminationStatistics
from tmlib.images.label_images import write_labels
from tmlib.objects.mapobject_types import ensure_layer, ensure_mapobject_type
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage

HEIGHT, WIDTH = 30, 40
PLACE = {
    "plate_name": "Plate 1",
    "well_name": "A01",
    "well_pos_y": 0,
    "well_pos_x": 1,
    "tpoint": 0,
    "zplane": 0,
}
PIXELS = np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH) * 50


@pytest.fixture
def field(database: Database, acquisition: str, experiment_id: int, settings: Settings) -> Path:
    """Folder of a site's images: two cycles with a channel each, the second one shifted."""
    storage = ExperimentStorage(settings.data_dir, experiment_id)
    with database.transaction() as session:
        site = Site(
            experiment_id=experiment_id, y=0, x=1, field=0, height=HEIGHT, width=WIDTH,
            top_residue=3, right_residue=2,
        )  # fmt: skip
        session.add(Well(experiment_id=experiment_id, plate_id=1, name="A01", sites=[site]))
        cycles = [Cycle(experiment_id=experiment_id, index=index) for index in range(2)]
        channels = [
            Channel(experiment_id=experiment_id, name=name, wavelength=name, bit_depth=16, index=i)
            for i, name in enumerate(["DNA", "Actin"])
        ]
        session.add_all([*cycles, *channels])
        session.flush()
        for cycle, channel in zip(cycles, channels, strict=True):
            session.add(
                ChannelImageFile(
                    experiment_id=experiment_id,
                    acquisition_id=1,
                    site_id=site.id,
                    channel_id=channel.id,
                    cycle_id=cycle.id,
                    tpoint=0,
                    zplane=0,
                    file_map={"files": ["a.png"], "series": [0], "planes": [0]},
                )
            )
        session.add(
            SiteShift(
                experiment_id=experiment_id,
                site_id=site.id,
                cycle_id=cycles[1].id,
                y=3,
                x=-2,
                quality=1.0,
            )
        )
    path = field_path(storage.plate_images(1), "A01", 0)
    shape = FieldShape(1, 2, 1, HEIGHT, WIDTH)
    for index in range(2):
        write_plane(path, shape, ["DNA", "Actin"], t=0, c=index, z=0, pixels=PIXELS + index)
    return path


@pytest.fixture
def channels(owner: Person, experiment: str, field: Path) -> dict[str, str]:
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


LABELS = np.zeros((HEIGHT, WIDTH), np.int32)
LABELS[5:9, 10:20] = 1
LABELS[20:, 30:] = 7


@pytest.fixture
def segmentations(database: Database, experiment: str, experiment_id: int, field: Path) -> str:
    """Path of the label images of cells."""
    with database.transaction() as session:
        type_id = ensure_mapobject_type(session, experiment_id, "Cells", "Site")
        ensure_layer(session, type_id, 0, 0, as_polygons=True)
    write_labels(field, "Cells", LABELS, t=0, z=0, n_tpoints=1, n_zplanes=1)
    return f"{experiment}/mapobject_types/{encode_id(type_id)}/segmentations"


def test_labels_come_as_they_were_stored(owner: Person, segmentations: str) -> None:
    assert owner.get(segmentations, **PLACE) == LABELS.tolist()
    assert owner.get(segmentations, **PLACE, align="true") == LABELS[3:, :-2].tolist()


def test_labels_follow_the_name_of_their_type(owner: Person, segmentations: str) -> None:
    owner.put(segmentations.removesuffix("/segmentations"), name="Blobs")
    assert owner.get(segmentations, **PLACE) == LABELS.tolist()


def test_labels_go_with_the_type_of_their_objects(
    owner: Person, segmentations: str, field: Path
) -> None:
    owner.delete(segmentations.removesuffix("/segmentations"))
    owner.refused("GET", segmentations, 404, query_string=PLACE)
    assert list((field / "labels").glob("Cells")) == []
    assert (field / "0").is_dir()


def test_labels_that_are_not_there(owner: Person, experiment: str, segmentations: str) -> None:
    def problem(status: int, **query: Any) -> str:
        return owner.refused("GET", segmentations, status, query_string=PLACE | query)

    assert '"B01"' in problem(404, well_name="B01")
    assert "plane 1" in problem(404, zplane=1)
    assert '"zplane"' in owner.refused("GET", segmentations, 400, query_string={"tpoint": 0})
    spots = owner.post(f"{experiment}/mapobject_types", name="Spots")["id"]
    path = f"{experiment}/mapobject_types/{spots}/segmentations"
    assert '"Spots"' in owner.refused("GET", path, 404, query_string=PLACE)
