"""An acquisition that waits for files."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from tmlib.accounts.models import User
from tmlib.db import Database
from tmlib.experiments import plates
from tmlib.experiments.models import Acquisition
from tmlib.experiments.service import create_experiment
from tmlib.storage import ExperimentStorage
from tmlib.uploads.models import FileUploadStatus, MicroscopeFile


@dataclass
class Inbox:
    database: Database
    storage: ExperimentStorage
    acquisition: Acquisition

    @property
    def folder(self) -> Path:
        return self.storage.microscope_images(self.acquisition.plate_id, self.acquisition.id)

    def status(self, name: str) -> FileUploadStatus:
        return self._file(name).status

    def size(self, name: str) -> int | None:
        return self._file(name).size

    def file_id(self, name: str) -> int:
        return self._file(name).id

    def _file(self, name: str) -> MicroscopeFile:
        with self.database.session() as session:
            return session.scalars(
                select(MicroscopeFile).where(
                    MicroscopeFile.acquisition_id == self.acquisition.id,
                    MicroscopeFile.name == name,
                )
            ).one()


@pytest.fixture
def inbox(database: Database, tmp_path: Path) -> Inbox:
    with database.transaction() as session:
        user = User(name="mara", email="mara@lab.example", password_hash="-")
        session.add(user)
        session.flush()
        experiment = create_experiment(
            session, user.id, name="Screen", microscope_type="cellvoyager", plate_format=96
        )
        plate = plates.create_plate(session, experiment.id, "P")
        acquisition = plates.create_acquisition(session, experiment.id, plate.id, "A")
    storage = ExperimentStorage(tmp_path / "files", experiment.id)
    return Inbox(database, storage, acquisition)
