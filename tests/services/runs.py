"""Whole workflows in this process: microscope files in, and what the jobs said."""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.services.ledger import ListQueue
from tmlib.db import Database
from tmlib.experiments.models import Acquisition, Experiment, Plate
from tmlib.ledger.execution import Worker
from tmlib.ledger.models import Job
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage
from tmlib.uploads.models import FileKind, FileUploadStatus, MicroscopeFile
from tmlib.workflow import service

CONVERSION: dict[str, dict[str, Any]] = {"metaextract": {}, "metaconfig": {}, "imextract": {}}


# name of a stage, and arguments of its steps
Stage = tuple[str, Mapping[str, Mapping[str, Any]]]


@dataclass
class Run:
    """Somebody who uploads files to an experiment and runs workflows on them."""

    database: Database
    experiment: Experiment
    settings: Settings

    @property
    def storage(self) -> ExperimentStorage:
        return ExperimentStorage(self.settings.data_dir, self.experiment.id)

    def upload(self, plate_name: str, acquisition_name: str, files: Iterable[Path]) -> None:
        """Put files where an upload would have put them."""
        with self.database.transaction() as session:
            plate = self._plate(session, plate_name)
            acquisition = Acquisition(
                experiment_id=self.experiment.id, plate_id=plate.id, name=acquisition_name
            )
            session.add(acquisition)
            session.flush()
            for file in files:
                is_image = file.suffix == ".tif"
                folder = (
                    self.storage.microscope_images if is_image else self.storage.microscope_metadata
                )(plate.id, acquisition.id)
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, folder / file.name)
                session.add(
                    MicroscopeFile(
                        experiment_id=self.experiment.id,
                        acquisition_id=acquisition.id,
                        name=file.name,
                        kind=FileKind.IMAGE if is_image else FileKind.METADATA,
                        status=FileUploadStatus.COMPLETE,
                        size=file.stat().st_size,
                    )
                )

    def _plate(self, session: Session, name: str) -> Plate:
        query = select(Plate).where(Plate.experiment_id == self.experiment.id, Plate.name == name)
        plate = session.scalars(query).first()
        if plate is None:
            plate = Plate(experiment_id=self.experiment.id, name=name)
            session.add(plate)
            session.flush()
        return plate

    def submit(self, *stages: Stage, force: bool = False) -> ListQueue:
        """Submit stages with their steps and arguments; the queue has the first jobs."""
        description = {
            "type": self.experiment.workflow_type,
            "stages": [
                {
                    "name": stage,
                    "steps": [
                        {
                            "name": step,
                            "batch_args": [
                                {"name": name, "value": value} for name, value in arguments.items()
                            ],
                        }
                        for step, arguments in steps.items()
                    ],
                }
                for stage, steps in stages
            ],
        }
        queue = ListQueue()
        service.submit(
            self.database,
            queue,
            self.experiment.id,
            self.experiment.user_id,
            description,
            force=force,
        )
        return queue

    def work(self, queue: ListQueue, *, n_jobs: int | None = None) -> None:
        """Run the jobs of a queue until it is empty, or so many of them."""
        worker = Worker(self.database, queue, self.settings)
        while queue.job_ids and n_jobs != 0:
            worker.run(queue.job_ids.pop(0))
            n_jobs = None if n_jobs is None else n_jobs - 1

    def next_job(self, queue: ListQueue) -> str:
        """Name of the first job of a queue."""
        with self.database.session() as session:
            return session.get_one(Job, queue.job_ids[0]).name

    def run(self, *stages: Stage) -> None:
        """Run stages to their end; fails with what the first job that failed said."""
        self.work(self.submit(*stages))
        assert self.errors() == []

    def errors(self) -> list[str | None]:
        """Why jobs failed."""
        with self.database.session() as session:
            return list(session.scalars(select(Job.error).where(Job.exitcode != 0)))

    def log(self, step_name: str) -> str:
        """What the jobs of a step wrote to their logs."""
        with self.database.session() as session:
            logs = session.scalars(select(Job.stderr).where(Job.step_name == step_name))
            return "".join(log or "" for log in logs)
