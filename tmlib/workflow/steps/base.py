"""What a step of a workflow is, and what its jobs have at hand.

A step runs in phases: *init* cuts the work into batches and deletes the output that does not stand
any more, *run* does one job per batch, *collect* finishes what needs all of them.
"""

import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from sqlalchemy.orm import Session

from tmlib.db import Database
from tmlib.digests import digest_of
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage
from tmlib.workflow.arguments import Argument, Value

Item = TypeVar("Item")

Batch = dict[str, Any]
"""What one job works on: JSON, mostly ids."""

Inputs = dict[str, str]
"""Digests of what decides about the result of a job, by the names that users get to see."""

Effect = Callable[[Session], object]
"""A change of the database that a job makes in the transaction that ends it."""

logger = logging.getLogger("tmlib.job")


@dataclass(frozen=True)
class Work:
    """What one job of a phase is to do.

    Without ``inputs`` nothing is known about what decides about the result: it is always done.
    """

    batch: Batch
    inputs: Inputs | None = None


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
    force
        Whether everything is to be made again, even what still stands.
    effects
        What the job will change in the database, all in the transaction that also marks it as
        done; if that fails, or another worker has taken over, nothing is changed.
    afterwards
        What is cleaned up once that transaction is committed.
    progress
        To be told how much of the work is done, from 0 to 1; it may be told often.
    """

    database: Database
    settings: Settings
    experiment_id: int
    arguments: dict[str, Value] = field(default_factory=dict)
    force: bool = False
    effects: list[Effect] = field(default_factory=list)
    afterwards: list[Callable[[], object]] = field(default_factory=list)
    progress: Callable[[float], None] = lambda share_done: None

    @property
    def storage(self) -> ExperimentStorage:
        """The files of the experiment."""
        return ExperimentStorage(self.settings.data_dir, self.experiment_id)


class Step(ABC):
    """One step of a workflow; subclasses say what its phases do.

    Attributes
    ----------
    version
        Raised whenever the same input and arguments give another output, so that nothing that an
        earlier version made is taken for the work of this one.
    is_indivisible
        Whether all jobs have to be done again when one has to.
    """

    name: ClassVar[str]
    fullname: ClassVar[str]
    help: ClassVar[str]
    version: ClassVar[int] = 1
    arguments: ClassVar[tuple[Argument, ...]] = ()
    has_collect: ClassVar[bool] = False
    is_indivisible: ClassVar[bool] = False

    @abstractmethod
    def create_batches(self, context: JobContext) -> list[list[Work]]:
        """Cut the work into batches, and say what decides about the result of each.

        Returns
        -------
        list of list of Work
            Groups of batches. The jobs of a group run in any order, a group after the other.
        """

    def collect_inputs(self, context: JobContext) -> Inputs | None:
        """What decides about the result of *collect*, besides the jobs before it."""
        return None

    def keep(self, context: JobContext, standing: Sequence[Batch]) -> None:  # noqa: B027 - some steps only ever replace
        """Delete, by effects, all earlier output of the step but that of these batches."""

    def outputs(
        self, context: JobContext, session: Session, batches: Sequence[Batch]
    ) -> list[str | None]:
        """What the output of each batch is known by, as it is now; None if it is not there.

        Asked within the transaction in which a job ends, and again when the work is cut the next
        time. Pixels are not read: a change of a file shows in its size or time.
        """
        return [None] * len(batches)

    def stand(
        self, context: JobContext, session: Session, batches: Sequence[Batch], known: Sequence[str]
    ) -> list[bool]:
        """Whether the output of each batch is still what it was known by when its job ended."""
        found = self.outputs(context, session, batches)
        return [one == other for one, other in zip(found, known, strict=True)]

    def collect_output(self, context: JobContext, session: Session) -> str | None:
        """What the output of *collect* is known by, as it is now; None if it is not there."""
        return None

    def key(self, batch: Batch) -> str:
        """Name of a batch, under which its fingerprint is found when the work is cut again."""
        return digest(json.dumps(batch, sort_keys=True))

    @abstractmethod
    def run(self, context: JobContext, batch: Batch) -> None:
        """Do the work of one batch. Doing it twice must be the same as doing it once."""

    def collect(self, context: JobContext) -> None:  # noqa: B027 - most steps have nothing to do
        """Finish the step after all run jobs; only called if ``has_collect``."""


def digest(*things: object) -> str:
    """A short text that is the same only for the same things: numbers, texts, tuples of them."""
    return digest_of(repr(things), 32)


def chunks(items: Sequence[Item], size: int) -> list[list[Item]]:
    """Cut a list into parts of at most `size` items."""
    return [list(items[start : start + size]) for start in range(0, len(items), size)]
