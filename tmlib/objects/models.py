"""Tables of mapobjects: what was found on the map, its outlines and its feature values.

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

    ``ref_type`` says what its objects lie in: ``Plate``, ``Well`` or ``Site``; segmented types
    have ``Site``. ``is_static`` marks the types that are made from the plate's layout.
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
    """A type that is gone, but whose objects are still to be removed."""

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
    """One object; ``ref_id`` is the site, well or plate that it lies in.

    What has the same ``label`` in the label images of a site is one object at all time points and
    planes. Plates, wells and sites have no label, nor have objects that an earlier version of the
    product gave ids of their own at later time points.

    Foreign keys to tables that experiments share would keep the objects of one from being
    removed at once, see :mod:`tmlib.db.partitions`. So objects outlive their type until they
    are removed, which is why its number is not given away again.
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

    ``label`` is its number in the site's label image, ``is_border`` says that it touches the
    border of its site and is probably cut.
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
    """Something that was measured.

    ``key`` names its column in the Parquet files and never changes; ``name`` may.
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
    """A Parquet file of feature values, visible from the moment this row is committed.

    A file belongs to one site, time point and plane; when an analysis ends the files of a type
    are compacted into large ones, which have no ``site_id``. A site's own file takes the place of
    that site's rows in a compacted one. ``path`` is relative to the experiment's folder.
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
    """A site where objects of a type were looked for, and none were found.

    Without it, a well in which all cells are dead could not be told from one that nobody has
    looked at.
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
