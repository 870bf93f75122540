"""An experiment with images of one site, in two cycles."""

from pathlib import Path

import numpy as np
import pytest

from tests.tmserver.conftest import Person
from tmlib.db import Database
from tmlib.experiments.models import Channel, ChannelImageFile, Cycle, Site, SiteShift, Well
from tmlib.images.channel_images import FieldShape, field_path, write_plane
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
LABELS = np.zeros((HEIGHT, WIDTH), np.int32)
LABELS[5:9, 10:20] = 1
LABELS[20:, 30:] = 7


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
def cells(owner: Person, experiment: str, field: Path) -> str:
    """Path of a mapobject type that has no objects yet."""
    created = owner.post(f"{experiment}/mapobject_types", name="Cells")
    return f"{experiment}/mapobject_types/{created['id']}"
