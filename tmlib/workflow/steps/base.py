"""What a step of a workflow is, and what its jobs have at hand.

A step runs in phases: *init* plans the work in batches and deletes the output that is not current
any more, *run* does one job per batch, *collect* finishes what needs all of them.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self, TypeVar

from sqlalchemy.orm import Session

from tmlib.digests import digest_of
from tmlib.ledger.programs import Batch, JobContext, logger
from tmlib.storage import ExperimentStorage
from tmlib.workflow.arguments import Argument, Value

__all__ = ["Batch", "Inputs", "Step", "StepContext", "Work", "chunks", "digest", "logger"]

Item = TypeVar("Item")

Inputs = dict[str, str]
"""Digests of what decides about the result of a job, by the names that users get to see."""


@dataclass(frozen=True)
class Work:
    """What one job of a phase is to do.

    Without ``inputs`` nothing is known about what decides about the result: it is always done.
    """

    batch: Batch
    inputs: Inputs | None = None


@dataclass
class StepContext(JobContext):
    """What a job of a workflow may use.

    Attributes
    ----------
    arguments
        Batch arguments of the step; a preview has none.
    """

    arguments: dict[str, Value] = field(default_factory=dict)

    @classmethod
    def of(cls, context: JobContext, arguments: dict[str, Value] | None = None) -> Self:
        """A context for steps that shares effects and all else with that of a job."""
        return cls(**vars(context), arguments=arguments or {})

    @property
    def experiment_id(self) -> int:
        """Whose job it is."""
        return self.owner.id

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
    def create_batches(self, context: StepContext) -> list[list[Work]]:
        """Plan the work in batches, and say what decides about the result of each.

        Returns
        -------
        list of list of Work
            Groups of batches. The jobs of a group run in any order, a group after the other.
        """

    def collect_inputs(self, context: StepContext) -> Inputs | None:
        """What decides about the result of *collect*, besides the jobs before it."""
        return None

    def keep(self, context: StepContext, current: Sequence[Batch]) -> None:  # noqa: B027 - some steps only ever replace
        """Delete, by effects, all earlier output of the step but that of these batches."""

    def outputs(
        self, context: StepContext, session: Session, batches: Sequence[Batch]
    ) -> list[str | None]:
        """What the output of each batch is known by, as it is now; None if it is not there.

        Asked within the transaction in which a job ends, and again when the work is planned the
        next time. Pixels are not read: a change of a file shows in its size or time.
        """
        return [None] * len(batches)

    def are_current(
        self, context: StepContext, session: Session, batches: Sequence[Batch], known: Sequence[str]
    ) -> list[bool]:
        """Whether the output of each batch is still what it was known by when its job ended."""
        found = self.outputs(context, session, batches)
        return [one == other for one, other in zip(found, known, strict=True)]

    def collect_output(self, context: StepContext, session: Session) -> str | None:
        """What the output of *collect* is known by, as it is now; None if it is not there."""
        return None

    def key(self, batch: Batch) -> str:
        """Name of a batch, under which its fingerprint is found when the work is planned again."""
        return digest(json.dumps(batch, sort_keys=True))

    @abstractmethod
    def run(self, context: StepContext, batch: Batch) -> None:
        """Do the work of one batch. Doing it twice must be the same as doing it once."""

    def collect(self, context: StepContext) -> None:  # noqa: B027 - most steps have nothing to do
        """Finish the step after all run jobs; only called if ``has_collect``."""


def digest(*things: object) -> str:
    """A short text that is the same only for the same things: numbers, texts, tuples of them."""
    return digest_of(repr(things), 32)


def chunks(items: Sequence[Item], size: int) -> list[list[Item]]:
    """Cut a list into parts of at most `size` items."""
    return [list(items[start : start + size]) for start in range(0, len(items), size)]
