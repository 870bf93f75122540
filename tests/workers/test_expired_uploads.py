"""Uploads that nobody resumes are removed by workers, without anybody asking."""

from datetime import timedelta

from sqlalchemy import select

from tmlib.db import Database
from tmlib.experiments import plates
from tmlib.experiments.models import Experiment
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage
from tmlib.uploads import service
from tmlib.uploads.models import ResumableUpload
from tmlib.uploads.resuming import ResumableUploads
from workers.upkeep import Upkeep

NAME = "plate_A01_T0001F001L01A01Z01C01.tif"


def test_workers_remove_what_nobody_resumes(
    database: Database, experiment: Experiment, settings: Settings
) -> None:
    with database.transaction() as session:
        plate = plates.create_plate(session, experiment.id, "P")
        acquisition = plates.create_acquisition(session, experiment.id, plate.id, "A")
    service.register(database, acquisition, "cellvoyager", [NAME])
    storage = ExperimentStorage(settings.data_dir, experiment.id)
    for lifetime in (timedelta(hours=-1), timedelta(hours=1)):
        uploads = ResumableUploads(database, storage, acquisition, lifetime)
        token = uploads.create(NAME, 10, "", None).token
    uploads.append(token, 0, [b"half"])
    Upkeep(settings).work()
    with database.session() as session:
        assert [row.token for row in session.scalars(select(ResumableUpload))] == [token]
    assert uploads.progress(token).offset == 4
