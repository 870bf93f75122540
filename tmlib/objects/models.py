"""Tables of mapobjects, their outlines and their feature values.

A *mapobject* is anything with an outline on the map: a nucleus, a cell, and also a site, a well
or a plate. A *segmentation layer* holds the outlines of one type at one time point and plane.
"""

from datetime import datetime

from shapely.geometry.base import BaseGeometry
from sqlalchemy import (
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tmlib.db import Base
from tmlib.db.base import BigId, now
from tmlib.db.partitions import OUTLINE_KEY
from tmlib.db.spatial import Geometry
from tmlib.experiments.models import NEVER_REUSED, OWNED


class MapobjectType(Base):
    """A kind of mapobject, ``Cells`` for example.

    ``ref_type`` is what contains its objects: ``Plate``, ``Well`` or ``Site``, which is that of
    segmented types. ``is_static`` marks types that are made from the plate's layout.
    """

    __tablename__ = "mapobject_types"
    __table_args__ = (UniqueConstraint("experiment_id", "name"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), index=True
    )
    name: Mapped[str] = mapped_column(String(255))
    ref_type: Mapped[str] = mapped_column(String(50))
    is_static: Mapped[bool] = mapped_column(default=False)

    layers: Mapped[list["SegmentationLayer"]] = relationship(
        cascade=OWNED,
        passive_deletes=True,
        order_by="(SegmentationLayer.tpoint, SegmentationLayer.zplane)",
    )
    features: Mapped[list["Feature"]] = relationship(
        cascade=OWNED, passive_deletes=True, order_by="Feature.id"
    )


class DeletedMapobjectType(Base):
    """A deleted type whose objects are still to be removed."""

    __tablename__ = "deleted_mapobject_types"

    mapobject_type_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), index=True
    )


class SegmentationLayer(Base):
    """The outlines of one mapobject type at one time point and plane; null for static types.

    Below zoom level ``centroid_thresh`` nothing is shown, below ``polygon_thresh`` centroids.
    """

    __tablename__ = "segmentation_layers"
    __table_args__ = (UniqueConstraint("mapobject_type_id", "tpoint", "zplane"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), index=True
    )
    mapobject_type_id: Mapped[int] = mapped_column(
        ForeignKey("mapobject_types.id", ondelete="CASCADE")
    )
    tpoint: Mapped[int | None]
    zplane: Mapped[int | None]
    polygon_thresh: Mapped[int] = mapped_column(default=0)
    centroid_thresh: Mapped[int] = mapped_column(default=0)


class SegmentationChange(Base):
    """A change of the objects of a segmentation layer.

    The version of the layer is the sum of its ``stamp``; see :mod:`tmlib.objects.versions`.
    """

    __tablename__ = "segmentation_changes"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    segmentation_layer_id: Mapped[int] = mapped_column(
        ForeignKey(
            "segmentation_layers.id", ondelete="CASCADE", name="fk_segmentation_changes_layer"
        ),
        index=True,
    )
    stamp: Mapped[int] = mapped_column(BigInteger)


class Mapobject(Base):
    """One object; ``ref_id`` is the site, well or plate that contains it.

    The same ``label`` in the label images of a site is the same object at all time points and
    planes. Plates, wells and sites have no label, and neither have objects to which an earlier
    version of the product gave separate ids at later time points.

    With foreign keys to tables that experiments share, the objects of an experiment could not be
    removed at once, see :mod:`tmlib.db.partitions`. Objects may therefore outlive their type for a
    while, which is why the ids of types are not reused.
    """

    __tablename__ = "mapobjects"
    __table_args__ = (
        Index(
            "ix_mapobjects_label",
            *("experiment_id", "mapobject_type_id", "ref_id", "label"),
            unique=True,
        ),
        {"postgresql_partition_by": "LIST (experiment_id)"},
    )

    experiment_id: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    mapobject_type_id: Mapped[int]
    ref_id: Mapped[int]
    label: Mapped[int | None]


class MapobjectSegmentation(Base):
    """Outline of an object in one layer, in map pixels, y pointing down.

    ``label`` is its number in the site's label image; ``is_border`` says whether it touches the
    border of its site and is probably clipped.
    """

    __tablename__ = "mapobject_segmentations"
    __table_args__ = (
        ForeignKeyConstraint(
            ["experiment_id", "mapobject_id"],
            ["mapobjects.experiment_id", "mapobjects.id"],
            ondelete="CASCADE",
            name=OUTLINE_KEY,  # of each partition on PostgreSQL
        ),
        Index("ix_mapobject_segmentations_object", "experiment_id", "mapobject_id"),
        Index("ix_mapobject_segmentations_layer", "segmentation_layer_id", "mapobject_id"),
        Index("ix_mapobject_segmentations_outline", "outline", postgresql_using="gist").ddl_if(
            dialect="postgresql"
        ),
        {"postgresql_partition_by": "LIST (experiment_id)"},
    )

    experiment_id: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    mapobject_id: Mapped[int] = mapped_column(BigInteger)
    segmentation_layer_id: Mapped[int]
    label: Mapped[int | None]
    is_border: Mapped[bool] = mapped_column(default=False)
    centroid_y: Mapped[float]
    centroid_x: Mapped[float]
    outline: Mapped[BaseGeometry] = mapped_column(Geometry)


class Feature(Base):
    """A feature, a measured property of objects.

    ``key`` is the name of its column in the Parquet files and never changes; ``name`` may.
    """

    __tablename__ = "features"
    __table_args__ = (
        UniqueConstraint("mapobject_type_id", "name"),
        UniqueConstraint("mapobject_type_id", "key"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), index=True
    )
    mapobject_type_id: Mapped[int] = mapped_column(
        ForeignKey("mapobject_types.id", ondelete="CASCADE")
    )
    name: Mapped[str] = mapped_column(String(255))
    key: Mapped[str] = mapped_column(String(255))
    is_aggregate: Mapped[bool] = mapped_column(default=False)


class FeatureValueFile(Base):
    """A Parquet file of feature values, visible as soon as this row is committed.

    A file belongs to one site, time point and plane. When an analysis ends, the files of a type are
    compacted into large ones, which have no ``site_id``. A file of a single site replaces that
    site's rows in a compacted one. ``path`` is relative to the experiment's folder.
    """

    __tablename__ = "feature_value_files"
    __table_args__ = (
        UniqueConstraint(
            "site_id",
            "mapobject_type_id",
            "tpoint",
            "zplane",
            name="uq_feature_value_files_content",
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), index=True
    )
    mapobject_type_id: Mapped[int] = mapped_column(
        ForeignKey("mapobject_types.id", ondelete="CASCADE"), index=True
    )
    site_id: Mapped[int | None] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    tpoint: Mapped[int]
    zplane: Mapped[int]
    path: Mapped[str] = mapped_column(String(255), unique=True)
    n_rows: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=now)


class EmptySite(Base):
    """A site that was analysed, but has no objects of a type.

    It distinguishes a well in which all cells are dead from one that was not analysed.
    """

    __tablename__ = "empty_sites"

    mapobject_type_id: Mapped[int] = mapped_column(
        ForeignKey("mapobject_types.id", ondelete="CASCADE"), primary_key=True
    )
    site_id: Mapped[int] = mapped_column(
        ForeignKey("sites.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    tpoint: Mapped[int] = mapped_column(primary_key=True)
    zplane: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), index=True
    )
