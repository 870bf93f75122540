"""Tables of annotations.

The rows of all annotation tables are in one table of the database: making an annotation table then
takes no change of the database's own tables, which would lock out others, and one statement reads
any of them. What a schema has in common with all others is in columns, the rest in JSON.

Nothing is overwritten. A row holds from ``created_at`` until ``deleted_at``; one that was changed
is superseded by another one, under a number of its own.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    and_,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from tmlib.db import Base
from tmlib.db.base import BigId, now
from tmlib.experiments.models import NEVER_REUSED


class AnnotationSchema(Base):
    """A schema that a lab has added, as the JSON Schema that it has given."""

    __tablename__ = "annotation_schemas"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    definition: Mapped[dict[str, Any]]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)


class AnnotationTable(Base):
    """A table of annotations of one schema.

    ``user_id`` is its owner. ``next_id`` is greater than all numbers of rows, ``n_rows`` how many
    there are, whether they still hold or not. Those who write lock this row first, so that numbers
    and times of the rows are in the order in which they become visible; ``changed_at`` is the last
    of these times.
    """

    __tablename__ = "annotation_tables"
    __table_args__ = (UniqueConstraint("experiment_id", "name"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = mapped_column(ForeignKey("experiments.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))
    schema_name: Mapped[str] = mapped_column(String(100))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    description: Mapped[str] = mapped_column(Text)
    notice: Mapped[str | None] = mapped_column(Text)
    flat_segmentation_source: Mapped[str | None] = mapped_column(Text)
    reference_table: Mapped[str | None] = mapped_column(String(300))
    tracks_targets: Mapped[bool] = mapped_column(default=False)
    voxel_resolution_x: Mapped[float]
    voxel_resolution_y: Mapped[float]
    voxel_resolution_z: Mapped[float]
    read_permission: Mapped[str] = mapped_column(String(20))
    write_permission: Mapped[str] = mapped_column(String(20))
    next_id: Mapped[int] = mapped_column(BigInteger, default=1)
    n_rows: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class Annotation(Base):
    """A row of an annotation table, and one state of an annotation.

    ``data`` has the values of its fields by name, points as ``[x, y, z]``. The box from ``min_x``
    to ``max_z`` encloses all of its points, for the spatial index (see `tmlib.annotation.boxes`).
    ``supersedes`` and ``superseded_by`` are the numbers of the states before and after it.
    """

    __tablename__ = "annotations"
    __table_args__ = (
        Index("ix_annotations_id", "experiment_id", "annotation_table_id", "id", unique=True),
        Index("ix_annotations_target", "annotation_table_id", "target_id"),
        NEVER_REUSED,
    )

    row_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    experiment_id: Mapped[int] = mapped_column(ForeignKey("experiments.id", ondelete="CASCADE"))
    annotation_table_id: Mapped[int]
    id: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    user_id: Mapped[int]
    deleted_at: Mapped[datetime | None]
    deleted_by: Mapped[int | None]
    supersedes: Mapped[int | None] = mapped_column(BigInteger)
    superseded_by: Mapped[int | None] = mapped_column(BigInteger)
    target_id: Mapped[int | None] = mapped_column(BigInteger)
    data: Mapped[dict[str, Any]] = mapped_column(JSON().with_variant(JSONB(), "postgresql"))
    min_x: Mapped[float | None]
    min_y: Mapped[float | None]
    min_z: Mapped[float | None]
    max_x: Mapped[float | None]
    max_y: Mapped[float | None]
    max_z: Mapped[float | None]


class AnnotationTargetChange(Base):
    """Until when a row referred to another target than now, which has been superseded."""

    __tablename__ = "annotation_target_changes"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), index=True
    )
    row_id: Mapped[int] = mapped_column(BigInteger, index=True)
    target_id: Mapped[int] = mapped_column(BigInteger)
    changed_at: Mapped[datetime]


class AnnotationSnapshot(Base):
    """A moment to which people go back: all annotation tables of an experiment as they were then.

    Rows are not copied: what has held at a moment can always be read. ``number`` counts the
    snapshots of the experiment from 1.
    """

    __tablename__ = "annotation_snapshots"
    __table_args__ = (UniqueConstraint("experiment_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = mapped_column(ForeignKey("experiments.id", ondelete="CASCADE"))
    number: Mapped[int]
    name: Mapped[str] = mapped_column(String(255))
    user_id: Mapped[int]
    created_at: Mapped[datetime]


class AnnotationRequest(Base):
    """What was answered to a request that its sender may repeat, by the key that was sent with it.

    ``digest`` is of what was sent: the same key with something else is a mistake.
    """

    __tablename__ = "annotation_requests"

    annotation_table_id: Mapped[int] = mapped_column(
        ForeignKey("annotation_tables.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), index=True
    )
    digest: Mapped[str] = mapped_column(String(64))
    answer: Mapped[list[Any]]
    created_at: Mapped[datetime]


class AnnotationImport(Base):
    """Rows that come in a file, and are entered by a job.

    ``path`` is that of the file within the experiment's folder. When the rows are entered,
    ``n_rows`` says how many, all at the moment ``entered_at``.
    """

    __tablename__ = "annotation_imports"

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), index=True
    )
    annotation_table_id: Mapped[int]
    user_id: Mapped[int]
    is_admin: Mapped[bool] = mapped_column(default=False)
    submission_id: Mapped[int] = mapped_column(BigId, unique=True)
    file_format: Mapped[str] = mapped_column(String(20))
    path: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(default=now)
    n_rows: Mapped[int | None] = mapped_column(BigInteger)
    entered_at: Mapped[datetime | None]


def is_of(table: AnnotationTable) -> ColumnElement[bool]:
    """Condition: a row is of a table."""
    return and_(
        Annotation.experiment_id == table.experiment_id,
        Annotation.annotation_table_id == table.id,
    )
