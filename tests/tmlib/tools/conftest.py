"""Objects of three kinds, and somebody who asks tools about them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sqlalchemy import select

from tests.services.ledger import ListQueue
from tests.tmlib.objects.conftest import (
    HEIGHT,
    WIDTH,
    Laboratory,
    laboratory,
    make_laboratory,
)
from tmlib.db import Database
from tmlib.experiments.models import Experiment
from tmlib.ledger.execution import Worker
from tmlib.settings import Settings
from tmlib.tools import jobs as tool_jobs
from tmlib.tools import labels, service
from tmlib.tools.models import ToolResult
from tmlib.tools.registry import get_tool

__all__ = ["laboratory", "make_laboratory"]

FEATURES = ("size", "brightness", "roundness")
ROWS, COLUMNS = 5, 12
PER_SITE = ROWS * COLUMNS


def grid() -> NDArray[np.int32]:
    """A site with rows of small square objects."""
    image = np.zeros((HEIGHT, WIDTH), dtype=np.int32)
    for number in range(PER_SITE):
        y, x = 10 + 35 * (number // COLUMNS), 5 + 24 * (number % COLUMNS)
        image[y : y + 8, x : x + 8] = number + 1
    return image


def kinds(n: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Values (n, 3) of objects of three kinds that overlap a little, and the kind of each."""
    random = np.random.default_rng(seed)
    centers = np.array([[100, 0.2, 3], [180, 0.5, 3.5], [120, 0.9, 1]])
    kind = random.integers(0, 3, n)
    return centers[kind] + random.normal(0, 1, (n, 3)) * [15, 0.1, 0.5], kind


@dataclass
class Bench:
    """A laboratory with 240 objects of type Cells, and a worker that runs tools on them.

    ``values`` (n, 3) and ``kinds`` (n,) are in the order of ``ids``, which ascend.
    """

    laboratory: Laboratory
    settings: Settings
    queue: ListQueue
    ids: NDArray[np.int64]
    values: NDArray[np.float64]
    kinds: NDArray[np.int64]

    @property
    def database(self) -> Database:
        return self.laboratory.database

    def request(self, tool_name: str, *, user_id: int | None = None, **payload: Any) -> int:
        """Ask a tool, as the owner if nobody is said; gives the number of the submission."""
        with self.database.session() as session:
            experiment = session.get_one(Experiment, self.laboratory.experiment_id)
        tool = get_tool(tool_name)
        checked = tool.payload_type.model_validate({"chosen_object_type": "Cells"} | payload)
        return tool_jobs.request(
            self.database,
            self.queue,
            self.laboratory.storage,
            user_id or experiment.user_id,
            tool,
            checked,
        )

    def work(self) -> None:
        """Run the jobs that wait."""
        worker = Worker(self.database, self.queue, self.settings)
        while self.queue.interactive_ids:
            worker.run(self.queue.interactive_ids.pop(0))

    def job(self, submission_id: int) -> dict[str, Any]:
        with self.database.session() as session:
            [job] = tool_jobs.jobs(
                session, self.laboratory.experiment_id, submission_id=submission_id
            )
        return job

    def ask(self, tool_name: str, **payload: Any) -> ToolResult:
        """Ask a tool and wait for what it finds out."""
        submission_id = self.request(tool_name, **payload)
        self.work()
        job = self.job(submission_id)
        assert job["exitcode"] == 0, job["error"]
        with self.database.session() as session:
            [result] = service.get_results(
                session, self.laboratory.experiment_id, submission_id=submission_id
            )
        return result

    def fail(self, tool_name: str, **payload: Any) -> str:
        """What a job says that fails; it must leave nothing."""
        files = self.label_files()
        submission_id = self.request(tool_name, **payload)
        self.work()
        with self.database.session() as session:
            query = select(ToolResult).where(ToolResult.submission_id == submission_id)
            assert session.scalars(query).all() == []
        assert self.label_files() == files
        job = self.job(submission_id)
        assert job["exitcode"] == 1
        message: str = job["error"]
        return message

    def labels(self, result: ToolResult) -> pd.DataFrame:
        """What is stored, as a data frame."""
        frame: pd.DataFrame = labels.read(self.laboratory.storage.root / result.path).to_pandas()
        return frame

    def label_files(self) -> list[str]:
        return sorted(
            path.name
            for folder in ("tool_results", "tool_models")
            for path in (self.laboratory.storage.root / folder).glob("*")
        )

    def training_classes(self, n: int = 12) -> list[dict[str, Any]]:
        """So many examples of each kind."""
        colors = ("#ff0000", "#00ff00", "#0000ff")
        return [
            {
                "name": f"kind {number}",
                "object_ids": self.ids[self.kinds == number][:n].tolist(),
                "color": color,
            }
            for number, color in enumerate(colors)
        ]

    def truth(self, classes: list[dict[str, Any]]) -> NDArray[np.int64]:
        """Class of every object by its examples, -1 for those that are none."""
        truth = np.full(len(self.ids), -1)
        for number, one in enumerate(classes):
            truth[np.isin(self.ids, one["object_ids"])] = number
        return truth


@pytest.fixture
def bench(laboratory: Laboratory, database_url: str) -> Bench:
    values, kind = kinds(4 * PER_SITE, seed=7)
    for site in range(4):
        rows = slice(site * PER_SITE, (site + 1) * PER_SITE)
        measured = pd.DataFrame(values[rows], columns=FEATURES, index=range(1, PER_SITE + 1))
        laboratory.record(site, grid(), measured)
    first = 1
    ids = np.arange(first, first + 4 * PER_SITE, dtype=np.int64)
    settings = Settings(
        data_dir=laboratory.storage.data_dir, database_url=database_url, lease_seconds=30
    )
    return Bench(laboratory, settings, ListQueue(), ids, values, kind)
