"""What a step of a workflow is, and what its jobs have at hand.

A step runs in phases: *init* deletes earlier output and cuts the work into batches, *run* does
one job per batch, *collect* finishes what needs all of them.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from sqlalchemy.orm import Session

from tmlib.db import Database
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage
from tmlib.workflow.arguments import Argument, Value

Item = TypeVar("Item")

Batch = dict[str, Any]
"""What one job works on: JSON, mostly ids."""

logger = logging.getLogger("tmlib.job")


@dataclass
class JobContext:
    """What a job may use.

    Attributes
    ----------
    database
        For reading while the job works.
    settings
        Of the installation.
    experiment_id
        Whose job it is.
    arguments
        Batch arguments of the step; an interactive job has none.
    effects
        What the job will change in the database, all in the transaction that also marks it as
        done; if that fails, or another worker has taken over, nothing is changed.
    afterwards
        What is cleaned up once that transaction is committed.
    """

    database: Database
    settings: Settings
    experiment_id: int
    arguments: dict[str, Value] = field(default_factory=dict)
    effects: list[Callable[[Session], object]] = field(default_factory=list)
    afterwards: list[Callable[[], object]] = field(default_factory=list)

    @property
    def storage(self) -> ExperimentStorage:
        """The files of the experiment."""
        return ExperimentStorage(self.settings.data_dir, self.experiment_id)


class Step(ABC):
    """One step of a workflow; subclasses say what its phases do."""

    name: ClassVar[str]
    fullname: ClassVar[str]
    help: ClassVar[str]
    arguments: ClassVar[tuple[Argument, ...]] = ()
    has_collect: ClassVar[bool] = False

    @abstractmethod
    def create_batches(self, context: JobContext) -> list[list[Batch]]:
        """Cut the work into batches; deletion of earlier output goes into the effects.

        Returns
        -------
        list of list of dict
            Groups of batches. The jobs of a group run in any order, a group after the other.
        """

    @abstractmethod
    def run(self, context: JobContext, batch: Batch) -> None:
        """Do the work of one batch. Doing it twice must be the same as doing it once."""

    def collect(self, context: JobContext) -> None:  # noqa: B027 - most steps have nothing to do
        """Finish the step after all run jobs; only called if ``has_collect``."""


def chunks(items: Sequence[Item], size: int) -> list[list[Item]]:
    """Cut a list into parts of at most `size` items."""
    return [list(items[start : start + size]) for start in range(0, len(items), size)]
