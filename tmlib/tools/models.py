"""Tables of tool results and of trained models."""

from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tmlib.db import Base, Timestamps
from tmlib.db.base import BigId
from tmlib.experiments.models import OWNED


class ToolResult(Timestamps, Base):
    """The result of a tool for the objects of a type.

    ``type`` determines how the labels are displayed; ``attributes`` is everything else. The labels
    are in the Parquet file ``path``, relative to the experiment's folder, and results for wells in
    ``wells_path``.
    """

    __tablename__ = "tool_results"
    __table_args__ = (UniqueConstraint("mapobject_type_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), index=True
    )
    submission_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("submissions.id", ondelete="CASCADE"), unique=True
    )
    mapobject_type_id: Mapped[int] = mapped_column(
        ForeignKey("mapobject_types.id", ondelete="CASCADE")
    )
    name: Mapped[str] = mapped_column(String(255))
    tool_name: Mapped[str] = mapped_column(String(50))
    type: Mapped[str] = mapped_column(String(50))
    attributes: Mapped[dict[str, Any]]
    path: Mapped[str] = mapped_column(String(255), unique=True)
    wells_path: Mapped[str | None] = mapped_column(String(255))
    n_labels: Mapped[int]

    plots: Mapped[list["Plot"]] = relationship(
        cascade=OWNED, passive_deletes=True, order_by="Plot.position"
    )


class Plot(Base):
    """A figure that belongs to a result; ``attributes`` is what Plotly draws: data and layout."""

    __tablename__ = "plots"
    __table_args__ = (UniqueConstraint("tool_result_id", "position"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    tool_result_id: Mapped[int] = mapped_column(ForeignKey("tool_results.id", ondelete="CASCADE"))
    position: Mapped[int]
    type: Mapped[str] = mapped_column(String(50))
    attributes: Mapped[dict[str, Any]]


class ToolModel(Timestamps, Base):
    """A trained model, which can be applied to objects with the same features.

    How it was trained is in ``description``, see
    :class:`tmlib.tools.learning.trained_models.ModelDescription`; what it has learned is in the
    file ``path``, relative to the experiment's folder. ``submission_id`` is None if the model was
    imported.
    """

    __tablename__ = "tool_models"
    __table_args__ = (UniqueConstraint("experiment_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = mapped_column(ForeignKey("experiments.id", ondelete="CASCADE"))
    submission_id: Mapped[int | None] = mapped_column(
        BigId, ForeignKey("submissions.id", ondelete="SET NULL"), index=True
    )
    name: Mapped[str] = mapped_column(String(255))
    description: Mapped[dict[str, Any]]
    path: Mapped[str] = mapped_column(String(255), unique=True)
