"""Objects of a time series, followed from one time point to the next through a workflow."""

from pathlib import Path

import pytest
from sqlalchemy import select

from tests.services.film import FIRST, SECOND, tracking_project, write_film
from tests.services.runs import CONVERSION, Run
from tmlib.db import Database
from tmlib.experiments.models import Experiment, Plate
from tmlib.images.channel_images import field_path
from tmlib.images.label_images import read_labels
from tmlib.objects.models import MapobjectSegmentation, MapobjectType, SegmentationLayer
from tmlib.objects.service import count_objects
from tmlib.objects.values.feature_values import select_feature_values
from tmlib.settings import Settings
from tmlib.workflow import service

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_nuclei_keep_their_numbers_over_time(
    database: Database, experiment: Experiment, settings: Settings, tmp_path: Path
) -> None:
    run = Run(database, experiment, settings)
    run.upload("plate", "film", write_film(tmp_path, FIRST, SECOND))
    with database.transaction() as session:
        service.save_jterator_project(session, experiment.id, tracking_project())
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
