"""An experiment whose images are stored, as a workflow would have done."""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.services.experiments import add_experiment
from tmlib.db import Database
from tmlib.experiments.models import (
    Acquisition,
    Channel,
    ChannelImageFile,
    Plate,
    Site,
    Well,
)
from tmlib.images.alignment import Residues
from tmlib.images.channel_images import FieldShape, field_path, write_plane
from tmlib.objects.mapobject_types import ensure_mapobject_type
from tmlib.objects.writing.segmentations import SitePlane, store_segmentation
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage

HEIGHT, WIDTH, N_ZPLANES = 30, 40, 3
CHANNELS = ("DNA", "Actin")
WELLS = ("A01", "B02")


NUCLEI = np.zeros((HEIGHT, WIDTH), np.int32)
"""Two objects of the first well, in the focal plane in the middle."""
NUCLEI[5:9, 10:20] = 1
NUCLEI[20:25, 30:35] = 7


@dataclass(frozen=True)
class ImagedExperiment:
    """A plate of two wells with a site each, two channels, three focal planes, and "Nuclei".

    The second well was analysed and has none.

    Attributes
    ----------
    id, user_id
        Of the experiment.
    volumes
        Images (z, y, x) by well and channel, at the first time point.
    """

    id: int
    user_id: int
    volumes: dict[tuple[str, str], NDArray[np.uint16]]


def add_images(
    database: Database, settings: Settings, plate_name: str = "Plate 1", n_tpoints: int = 1
) -> ImagedExperiment:
    """Make an experiment, and store images of it, which move to the right by a pixel each time."""
    random = np.random.default_rng(3)
    volumes = {
        (well, channel): random.integers(0, 2**16, (N_ZPLANES, HEIGHT, WIDTH), np.uint16)
        for well in WELLS
        for channel in CHANNELS
    }
    with database.transaction() as session:
        experiment = add_experiment(session, "Screen", pixel_size=0.325)
        owned = {"experiment_id": experiment.id}
        plate = Plate(**owned, name=plate_name)
        session.add(plate)
        session.flush()
        acquisition = Acquisition(**owned, plate_id=plate.id, name="first")
        channels = [
            Channel(**owned, name=name, wavelength=name, bit_depth=16, index=index)
            for index, name in enumerate(CHANNELS)
        ]
        session.add_all([acquisition, *channels])
        type_id = ensure_mapobject_type(session, experiment.id, "Nuclei", "Site")
        site_ids: list[int] = []
        for name in WELLS:
            site = Site(**owned, y=0, x=0, field=0, height=HEIGHT, width=WIDTH)
            description = {"compound": name}
            session.add(
                Well(**owned, plate_id=plate.id, name=name, sites=[site], description=description)
            )
            session.flush()
            site_ids.append(site.id)
            session.add_all(
                ChannelImageFile(
                    **owned,
                    acquisition_id=acquisition.id,
                    site_id=site.id,
                    channel_id=channel.id,
                    tpoint=tpoint,
                    zplane=zplane,
                    file_map={"files": ["a.png"], "series": [0], "planes": [0]},
                )
                for channel in channels
                for tpoint in range(n_tpoints)
                for zplane in range(N_ZPLANES)
            )
        made = ImagedExperiment(experiment.id, experiment.user_id, volumes)
        plate_id = plate.id
    shape = FieldShape(n_tpoints, len(CHANNELS), N_ZPLANES, HEIGHT, WIDTH)
    storage = ExperimentStorage(settings.data_dir, made.id)
    for (well, channel), volume in volumes.items():
        path = field_path(storage.plate_images(plate_id), well, 0)
        c = CHANNELS.index(channel)
        for t, z in itertools.product(range(n_tpoints), range(N_ZPLANES)):
            pixels = np.roll(volume[z], t, axis=1)
            write_plane(path, shape, CHANNELS, t=t, c=c, z=z, pixels=pixels)
    for site_id, well, labels in zip(site_ids, WELLS, (NUCLEI, 0 * NUCLEI), strict=True):
        plane = SitePlane(
            site_id=site_id,
            field=field_path(storage.plate_images(plate_id), well, 0),
            offset=(0, 0),
            residues=Residues(),
            tpoint=0,
            zplane=1,
            n_tpoints=n_tpoints,
            n_zplanes=N_ZPLANES,
            pixel_size=0.325,
        )
        store_segmentation(database, storage, mapobject_type_id=type_id, plane=plane, labels=labels)
    return made
