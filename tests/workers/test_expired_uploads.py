"""Uploads that nobody resumes are removed by workers, without anybody asking."""

from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from tests.services.redis import running_redis
from tmlib.db import Database
from tmlib.experiments import plates
from tmlib.experiments.models import Experiment
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage
from tmlib.uploads import service
from tmlib.uploads.models import ResumableUpload
from tmlib.uploads.resuming import ResumableUploads
from workers.recovery import Recovery

NAME = "plate_A01_T0001F001L01A01Z01C01.tif"


def test_workers_remove_what_nobody_resumes(
    database: Database, experiment: Experiment, settings: Settings, tmp_path: Path
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
    with running_redis(tmp_path / "redis") as (url, _):
        Recovery(settings.model_copy(update={"broker_url": url})).search()
    with database.session() as session:
        assert [row.token for row in session.scalars(select(ResumableUpload))] == [token]
    assert uploads.progress(token).offset == 4
