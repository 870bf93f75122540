"""Generated experiments on both databases, for benchmarks with many objects."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import select, text

from benchmarks.databases import new_database
from tmlib.accounts.service import create_user
from tmlib.db import Database
from tmlib.experiments.models import Experiment
from tmlib.objects.models import MapobjectType, SegmentationLayer
from tmlib.sample.experiment import GeneratedExperiment, generate_experiment
from tmlib.storage import ExperimentStorage

USER, PASSWORD = "ada", "a password for a moment"


@dataclass(frozen=True)
class Generated:
    """An experiment with many objects, and where it is stored."""

    data_dir: Path
    url: str
    database: Database
    experiment: Experiment
    cells: MapobjectType
    layer: SegmentationLayer

    @property
    def storage(self) -> ExperimentStorage:
        """Folders of the experiment."""
        return ExperimentStorage(self.data_dir, self.experiment.id)

    @property
    def environment(self) -> dict[str, str]:
        """What a server of it needs to know."""
        return {"TM_DATA_DIR": str(self.data_dir), "TM_DATABASE_URL": self.url}


def sizes(*default: int) -> tuple[int, ...]:
    """Numbers of objects: those that TM_BENCH_OBJECTS lists, separated by commas, or others."""
    listed = os.environ.get("TM_BENCH_OBJECTS")
    return tuple(int(size) for size in listed.split(",")) if listed else default


@contextmanager
def generated(kind: str, n_objects: int, n_features: int) -> Iterator[Generated]:
    """An experiment on a database of this kind; all of it is gone afterwards."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        url, database = stack.enter_context(new_database(kind, folder))
        with database.transaction() as session:
            create_user(session, USER, PASSWORD, f"{USER}@lab.example")
        size = GeneratedExperiment(n_objects, n_features)
        experiment_id = generate_experiment(database, folder, 1, "Screen", size)
        _analyze(database)
        with database.session() as session:
            cells = session.scalars(
                select(MapobjectType).filter_by(experiment_id=experiment_id, name="Cells")
            ).one()
            (layer,) = cells.layers
            experiment = session.get_one(Experiment, experiment_id)
            yield Generated(folder, url, database, experiment, cells, layer)


def _analyze(database: Database) -> None:
    """What PostgreSQL does by itself after a while."""
    if database.is_sqlite:
        return
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
