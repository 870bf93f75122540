"""What the ledger knows of the programs whose jobs it keeps.

A program plans its work in parts, does the jobs in them one by one, and says what follows from
each. Programs are registered by whoever brings them; a process that runs jobs needs those of all,
one that submits only its own.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from sqlalchemy.orm import Session

from tmlib.db import Database
from tmlib.errors import NotFound
from tmlib.ledger.limits import Limits
from tmlib.ledger.owners import Owner
from tmlib.settings import Settings

Batch = dict[str, Any]
"""What one job works on: JSON, mostly ids."""

Effect = Callable[[Session], object]
"""A change of the database that a job makes in the transaction that ends it."""

logger = logging.getLogger("tmlib.job")
"""What jobs write to goes into their log."""


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """A job to be entered. Without a name it is called by its part and its number there.

    One that ``is_current`` is skipped, since what an earlier one made is what it would make;
    otherwise ``reason`` may say why it has to be done.
    """

    batch: Batch
    name: str | None = None
    is_current: bool = False
    reason: str | None = None


@dataclass(frozen=True)
class Part:
    """A part of a submission to be entered: it contains other parts, or jobs, or is planned later.

    Attributes
    ----------
    kind, type, name
        What it is, what lists call that, and how it is called. A part with jobs is of the kind
        :data:`tmlib.ledger.models.PHASE` or :data:`tmlib.ledger.models.INTERACTIVE`.
    parts
        What it contains.
    is_parallel
        Whether its parts run at the same time, not one after the other.
    n_parts
        How many parts it will have, where they become known one after the other.
    jobs
        Its jobs, which run in any order.
    step_name, phase
        What its jobs are for, in the words of the program.
    """

    kind: str
    type: str
    name: str
    parts: Sequence["Part"] = ()
    is_parallel: bool = False
    n_parts: int | None = None
    jobs: Sequence[PlannedJob] = ()
    step_name: str = ""
    phase: str = "run"


@dataclass(frozen=True)
class Assignment:
    """What one job is to do: what was handed in, by whom, and its own part of it."""

    submission_id: int
    user_id: int
    step_name: str
    phase: str
    name: str
    batch: Batch
    description: dict[str, Any]


@dataclass
class JobContext:
    """What a job may use.

    Attributes
    ----------
    database
        For reading while the job works.
    settings
        Of the installation.
    owner
        Whose job it is.
    force
        Whether everything is to be made again, even what is current.
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
    owner: Owner
    force: bool = False
    effects: list[Effect] = field(default_factory=list)
    afterwards: list[Callable[[], object]] = field(default_factory=list)
    progress: Callable[[float], None] = lambda share_done: None


class Program(ABC):
    """What jobs are for."""

    name: ClassVar[str]

    def plan(self, description: dict[str, Any], part_name: str) -> Sequence[Part]:
        """What a part consists of that was entered with neither parts nor jobs.

        Asked when its turn has come, in the transaction that starts it.
        """
        return ()

    @abstractmethod
    def run(self, context: JobContext, job: Assignment) -> Sequence[Part]:
        """Do the work of one job. Doing it twice must be the same as doing it once.

        Returns
        -------
        sequence of Part
            What follows: entered behind the part that the job is in when the job ends well.
        """

    def limits(self, description: dict[str, Any], step_name: str, phase: str) -> Limits:
        """What a job may take."""
        return Limits()


PROGRAMS: dict[str, Program] = {}
"""The programs that this process knows, by name."""


def register(program: Program) -> None:
    """Make a program known to the ledger of this process."""
    PROGRAMS[program.name] = program


def get(name: str) -> Program:
    """A program.

    Raises
    ------
    NotFound
        If this process does not know it.
    """
    program = PROGRAMS.get(name)
    if program is None:
        raise NotFound(
            f'There is no program "{name}" here: run a worker of the version that the job is from.'
        )
    return program
