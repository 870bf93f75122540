"""Tables of experiments and of everything that describes their images.

An *acquisition* is the output of one run of the microscope over a plate. A *site* is one position
of the camera in a well; (y, x) is its position in the well's grid, counted from zero. A *cycle* is
one round of a multiplexing experiment. A *channel layer* is one channel at one time point and focal
plane, shown as one zoomable map.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tmlib.accounts.models import User
from tmlib.db import Base, Timestamps

OWNED = "all, delete-orphan"

# Ids of these rows name folders and files: SQLite must not reuse those of deleted rows, which
# PostgreSQL never does.
NEVER_REUSED = {"sqlite_autoincrement": True}


def _experiment_key() -> Mapped[int]:
    return mapped_column(ForeignKey("experiments.id", ondelete="CASCADE"), index=True)


class Experiment(Timestamps, Base):
    """A set of plates that are analysed together and shown as one map.

    ``pixel_size`` is the width and height of a pixel in micrometres, if known. ``map_height`` and
    ``map_width`` (pixels at full resolution) and ``map_levels`` (number of zoom levels) are None
    until the map is made. ``channel_names`` are those that its channels had when they were last
    forgotten, by the names with which they were recorded: they get them back when they are recorded
    again. If the experiment was deleted, ``deletion_due`` is the time from which on it is removed.
    """

    __tablename__ = "experiments"
    __table_args__ = (UniqueConstraint("user_id", "name"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    description: Mapped[str] = mapped_column(Text, default="")
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    microscope_type: Mapped[str] = mapped_column(String(50))
    workflow_type: Mapped[str] = mapped_column(String(50))
    plate_format: Mapped[int]
    plate_acquisition_mode: Mapped[str] = mapped_column(String(50))
    well_spacer_size: Mapped[int] = mapped_column(default=500)
    pixel_size: Mapped[float | None]
    vertical_site_displacement: Mapped[int] = mapped_column(default=0)
    horizontal_site_displacement: Mapped[int] = mapped_column(default=0)
    map_height: Mapped[int | None]
    map_width: Mapped[int | None]
    map_levels: Mapped[int | None]
    channel_names: Mapped[dict[str, Any]] = mapped_column(default=dict)
    deletion_due: Mapped[datetime | None] = mapped_column(index=True)

    user: Mapped[User] = relationship()
    plates: Mapped[list["Plate"]] = relationship(
        back_populates="experiment", cascade=OWNED, passive_deletes=True, order_by="Plate.id"
    )


class ExperimentShare(Base):
    """A user with whom an experiment is shared, for reading or for writing as well."""

    __tablename__ = "experiment_shares"

    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    write_access: Mapped[bool] = mapped_column(default=False)


class ExperimentGroupShare(Base):
    """A group with whose members an experiment is shared, for reading or also for writing."""

    __tablename__ = "experiment_group_shares"

    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), primary_key=True
    )
    group_id: Mapped[int] = mapped_column(
        ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    write_access: Mapped[bool] = mapped_column(default=False)


class Plate(Timestamps, Base):
    """A multi-well plate.

    ``well_descriptions`` are those that its wells had when they were last forgotten, by name: they
    get them back when they are recorded again.
    """

    __tablename__ = "plates"
    __table_args__ = (UniqueConstraint("experiment_id", "name"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = _experiment_key()
    name: Mapped[str] = mapped_column(String(255))
    description: Mapped[str] = mapped_column(Text, default="")
    well_descriptions: Mapped[dict[str, Any]] = mapped_column(default=dict)

    experiment: Mapped[Experiment] = relationship(back_populates="plates")
    acquisitions: Mapped[list["Acquisition"]] = relationship(
        back_populates="plate", cascade=OWNED, passive_deletes=True, order_by="Acquisition.id"
    )
    wells: Mapped[list["Well"]] = relationship(
        back_populates="plate", cascade=OWNED, passive_deletes=True, order_by="Well.name"
    )


class Acquisition(Timestamps, Base):
    """The output of one run of the microscope over a plate."""

    __tablename__ = "acquisitions"
    __table_args__ = (UniqueConstraint("plate_id", "name"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = _experiment_key()
    plate_id: Mapped[int] = mapped_column(ForeignKey("plates.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(255))
    description: Mapped[str] = mapped_column(Text, default="")

    plate: Mapped[Plate] = relationship(back_populates="acquisitions")


class Well(Timestamps, Base):
    """A well of a plate that has images, named like ``B03``."""

    __tablename__ = "wells"
    __table_args__ = (UniqueConstraint("plate_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = _experiment_key()
    plate_id: Mapped[int] = mapped_column(ForeignKey("plates.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(10))
    description: Mapped[dict[str, Any]] = mapped_column(default=dict)

    plate: Mapped[Plate] = relationship(back_populates="wells")
    sites: Mapped[list["Site"]] = relationship(
        back_populates="well",
        cascade=OWNED,
        passive_deletes=True,
        order_by="(Site.y, Site.x)",
    )


class Site(Base):
    """One position of the camera in a well; height and width in pixels.

    ``field`` is the number of the site's image in the OME-Zarr plate, counted per well in the
    order of (y, x). ``stage_y`` and ``stage_x`` are the stage position of the site's upper left
    corner, in pixels relative to that of its well; ``offset_y`` and ``offset_x`` its position on
    the map. Without them the sites of a well form a regular grid. The residues are the rows and
    columns on each side that not all aligned cycles show. Sites whose cycles could not be aligned
    are ``omitted`` from analysis.
    """

    __tablename__ = "sites"
    __table_args__ = (UniqueConstraint("well_id", "y", "x"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = _experiment_key()
    well_id: Mapped[int] = mapped_column(ForeignKey("wells.id", ondelete="CASCADE"), index=True)
    y: Mapped[int]
    x: Mapped[int]
    field: Mapped[int]
    height: Mapped[int]
    width: Mapped[int]
    stage_y: Mapped[float | None]
    stage_x: Mapped[float | None]
    offset_y: Mapped[int | None]
    offset_x: Mapped[int | None]
    omitted: Mapped[bool] = mapped_column(default=False)
    top_residue: Mapped[int] = mapped_column(default=0)
    bottom_residue: Mapped[int] = mapped_column(default=0)
    left_residue: Mapped[int] = mapped_column(default=0)
    right_residue: Mapped[int] = mapped_column(default=0)

    well: Mapped[Well] = relationship(back_populates="sites")


class Cycle(Timestamps, Base):
    """One round of staining and imaging in a multiplexing experiment; others have one cycle."""

    __tablename__ = "cycles"
    __table_args__ = (UniqueConstraint("experiment_id", "index"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = _experiment_key()
    index: Mapped[int]


class SiteShift(Base):
    """The shift of a cycle's images of a site onto those of the reference cycle.

    ``y`` and ``x`` are in pixels, downwards and to the right; ``quality`` is the correlation of the
    overlap of both images.
    """

    __tablename__ = "site_shifts"

    site_id: Mapped[int] = mapped_column(
        ForeignKey("sites.id", ondelete="CASCADE"), primary_key=True
    )
    cycle_id: Mapped[int] = mapped_column(
        ForeignKey("cycles.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    experiment_id: Mapped[int] = _experiment_key()
    y: Mapped[int]
    x: Mapped[int]
    quality: Mapped[float]


class SiteOverlap(Base):
    """The displacement of a neighbour from a site, measured in the overlap of their images.

    ``y`` and ``x`` are of its upper left corner, in pixels downwards and to the right; ``quality``
    is the correlation of the overlap of both images. Only if ``is_reliable`` it is used for the
    positions of sites on the map.
    """

    __tablename__ = "site_overlaps"

    site_id: Mapped[int] = mapped_column(
        ForeignKey("sites.id", ondelete="CASCADE"), primary_key=True
    )
    neighbour_id: Mapped[int] = mapped_column(
        ForeignKey("sites.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    experiment_id: Mapped[int] = _experiment_key()
    y: Mapped[float]
    x: Mapped[float]
    quality: Mapped[float]
    is_reliable: Mapped[bool]


def _name_at_first(context: DefaultExecutionContext) -> str:
    values: dict[str, Any] = context.get_current_parameters()  # type: ignore[no-untyped-call] # theirs
    return str(values["name"])


class Channel(Timestamps, Base):
    """A channel of the microscope; ``index`` is its position on the images' channel axis.

    ``recorded_name`` is the one with which it was entered; users may change ``name``.
    """

    __tablename__ = "channels"
    __table_args__ = (UniqueConstraint("experiment_id", "name"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = _experiment_key()
    name: Mapped[str] = mapped_column(String(255))
    recorded_name: Mapped[str] = mapped_column(String(255), default=_name_at_first)
    wavelength: Mapped[str] = mapped_column(String(255))
    bit_depth: Mapped[int]
    index: Mapped[int]

    layers: Mapped[list["ChannelLayer"]] = relationship(
        back_populates="channel",
        cascade=OWNED,
        passive_deletes=True,
        order_by="(ChannelLayer.tpoint, ChannelLayer.zplane)",
    )


class ChannelLayer(Base):
    """One channel at one time point and focal plane, as a pyramid.

    ``min_intensity`` and ``max_intensity`` are the default window of display. ``version`` changes
    whenever the pyramid's pixels do.
    """

    __tablename__ = "channel_layers"
    __table_args__ = (UniqueConstraint("channel_id", "tpoint", "zplane"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = _experiment_key()
    channel_id: Mapped[int] = mapped_column(
        ForeignKey("channels.id", ondelete="CASCADE"), index=True
    )
    tpoint: Mapped[int]
    zplane: Mapped[int]
    min_intensity: Mapped[int]
    max_intensity: Mapped[int]
    version: Mapped[str] = mapped_column(String(32))

    channel: Mapped[Channel] = relationship(back_populates="layers")


class ChannelImageFile(Base):
    """One plane of a site's image and the microscope files that it is made from.

    ``file_map`` is ``{"files": [name, ...], "series": [int, ...], "planes": [int, ...]}``; with
    several entries, the plane is their maximum projection. ``acquired_at`` is the time of
    acquisition, if known.
    """

    __tablename__ = "channel_image_files"
    __table_args__ = (
        UniqueConstraint(
            "site_id",
            "channel_id",
            "tpoint",
            "zplane",
            "acquisition_id",
            name="uq_channel_image_files_plane",
        ),
        Index("ix_channel_image_files_channel_id_tpoint_zplane", "channel_id", "tpoint", "zplane"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = _experiment_key()
    acquisition_id: Mapped[int] = mapped_column(
        ForeignKey("acquisitions.id", ondelete="CASCADE"), index=True
    )
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"), index=True)
    channel_id: Mapped[int] = mapped_column(ForeignKey("channels.id", ondelete="CASCADE"))
    cycle_id: Mapped[int | None] = mapped_column(
        ForeignKey("cycles.id", ondelete="CASCADE"), index=True
    )
    tpoint: Mapped[int] = mapped_column(Integer)
    zplane: Mapped[int] = mapped_column(Integer)
    file_map: Mapped[dict[str, Any]]
    acquired_at: Mapped[datetime | None]


class IllumstatsFile(Timestamps, Base):
    """Illumination statistics of a channel; ``path`` is relative to the experiment's folder.

    ``plate_id`` is None for the statistics of all plates together. ``flatness_before`` and
    ``flatness_after`` are the coefficients of variation of the average image, on a coarse grid,
    without and with correction.
    """

    __tablename__ = "illumstats_files"
    __table_args__ = (UniqueConstraint("channel_id", "plate_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = _experiment_key()
    channel_id: Mapped[int] = mapped_column(ForeignKey("channels.id", ondelete="CASCADE"))
    plate_id: Mapped[int | None] = mapped_column(
        ForeignKey("plates.id", ondelete="CASCADE"), index=True
    )
    path: Mapped[str] = mapped_column(String(255))
    n_images: Mapped[int]
    flatness_before: Mapped[float]
    flatness_after: Mapped[float]
