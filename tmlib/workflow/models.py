"""What is kept of workflows besides their jobs: what the next one does, what the last one made."""

import enum
from typing import Any

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from tmlib.db import Base

WORKFLOW = "workflow"
"""The program that submissions of workflows are for."""


class TaskKind(enum.StrEnum):
    """The parts of a workflow that contain others; in the innermost are phases."""

    WORKFLOW = "workflow"
    STAGE = "stage"
    STEP = "step"


class WorkflowSettings(Base):
    """What an experiment's next workflow will do: its description and its jterator project.

    Both are kept as they were sent, the order of keys included.
    """

    __tablename__ = "workflow_settings"

    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), primary_key=True
    )
    description: Mapped[dict[str, Any] | None]
    jterator_project: Mapped[dict[str, Any] | None]


class Fingerprint(Base):
    """What the work of a step was made from, one row per job of its latest plan.

    ``key`` names the batch. The version of the step, its arguments and its inputs are kept apart,
    so that it can be told which of them has changed. ``output`` is what the job's output is known
    by; null until the job has ended well.
    """

    __tablename__ = "fingerprints"

    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), primary_key=True
    )
    step_name: Mapped[str] = mapped_column(String(50), primary_key=True)
    key: Mapped[str] = mapped_column(String(32), primary_key=True)
    version: Mapped[int]
    arguments: Mapped[dict[str, Any]]
    inputs: Mapped[dict[str, Any]]
    output: Mapped[str | None] = mapped_column(Text)
