"""Objects of a time series, followed from one time point to the next through a workflow."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from sqlalchemy import select

from tests.services.runs import CONVERSION, Run
from tmlib.db import Database
from tmlib.experiments.models import Experiment, Plate
from tmlib.images.channel_images import field_path
from tmlib.images.label_images import read_labels
from tmlib.jterator.modules.registry import get
from tmlib.jterator.projects.nuclei_and_cells import nuclei_and_cells
from tmlib.objects.models import MapobjectSegmentation, MapobjectType, SegmentationLayer
from tmlib.objects.service import count_objects
from tmlib.objects.values.feature_values import select_feature_values
from tmlib.settings import Settings
from tmlib.workflow import service

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

# Centres (y, x) of two nuclei: they pass each other, so that reading order alone would swap them.
FIRST = ((44, 40), (50, 40), (56, 40))
SECOND = ((56, 150), (50, 150), (44, 150))


def photograph(centres: tuple[tuple[int, int], ...], seed: int) -> NDArray[np.uint16]:
    y, x = np.mgrid[:200, :200]
    image = np.random.default_rng(seed).normal(200, 5, (200, 200))
    for centre_y, centre_x in centres:
        image += 3000 * np.exp(-((((y - centre_y) ** 2 + (x - centre_x) ** 2) / 200) ** 2))
    return image.astype(np.uint16)


def tracking_project(channel: str) -> dict[str, Any]:
    """Nuclei as they are always found, but numbered by their tracks."""
    project = nuclei_and_cells(channel).to_dict()
    steps = project["pipeline"]["pipeline"]
    position = [step["source"] for step in steps].index("register_objects.py")
    steps.insert(
        position, {"source": "track_objects.py", "handles": "handles/track_nuclei.handles.yaml"}
    )
    handles = copy.deepcopy(dict(get("track_objects").handles))
    keys = {"label_image": "filter_nuclei.filtered_mask", "previous_objects": "Nuclei"}
    for handle in handles["input"]:
        handle.update({"key": keys[handle["name"]]} if handle["name"] in keys else {})
    handles["output"][0]["key"] = "track_nuclei.tracked_image"
    project["handles"]["track_nuclei"] = handles
    project["handles"]["register_nuclei"]["input"][0]["key"] = "track_nuclei.tracked_image"
    return project


def test_nuclei_keep_their_numbers_over_time(
    database: Database, experiment: Experiment, settings: Settings, tmp_path: Path
) -> None:
    files = []
    for tpoint, centres in enumerate(zip(FIRST, SECOND, strict=True)):
        files.append(tmp_path / f"film_B02_T{tpoint:04d}F001L01A01Z01C01.tif")
        tifffile.imwrite(files[-1], photograph(centres, tpoint))
    run = Run(database, experiment, settings)
    run.upload("plate", "film", files)
    with database.transaction() as session:
        service.save_jterator_project(session, experiment.id, tracking_project("A01_C01"))
    run.run(("image_conversion", CONVERSION), ("image_analysis", {"jterator": {}}))
    with database.session() as session:
        plate = session.query(Plate).one()
    field = field_path(run.storage.plate_images(plate.id), "B02", 0)
    for tpoint in range(3):
        labels = read_labels(field, "Nuclei", t=tpoint, z=0)
        assert labels.max() == 2
        assert labels[FIRST[tpoint]] == 1
        assert labels[SECOND[tpoint]] == 2
    with database.session() as session:
        outlined = session.execute(
            select(MapobjectSegmentation.mapobject_id, SegmentationLayer.tpoint)
            .join(
                SegmentationLayer,
                SegmentationLayer.id == MapobjectSegmentation.segmentation_layer_id,
            )
            .join(MapobjectType, MapobjectType.id == SegmentationLayer.mapobject_type_id)
            .where(MapobjectType.name == "Nuclei")
        ).all()
        nuclei = session.query(MapobjectType).filter_by(name="Nuclei").one().id
        assert count_objects(session, experiment.id)["Nuclei"] == 2
    ids = sorted({number for number, _ in outlined})
    assert sorted(map(tuple, outlined)) == [(one, tpoint) for one in ids for tpoint in range(3)]
    values = select_feature_values(database, run.storage, nuclei).table().to_pydict()
    assert sorted(zip(values["mapobject_id"], values["tpoint"], strict=True)) == sorted(
        map(tuple, outlined)
    )
