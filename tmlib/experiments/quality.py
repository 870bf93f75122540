"""Quality of images: shifts of cycles and sites, illumination, and times of acquisition."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, contains_eager

from tmlib.experiments.models import (
    Channel,
    ChannelImageFile,
    Cycle,
    IllumstatsFile,
    Plate,
    Site,
    SiteOverlap,
    SiteShift,
    Well,
)


@dataclass(frozen=True)
class CycleShift:
    """The shift of a cycle's images: see :class:`tmlib.experiments.models.SiteShift`."""

    cycle_index: int
    y: int
    x: int
    quality: float


@dataclass(frozen=True)
class AlignedSite:
    """A site that step align has processed; an omitted one has no shifts."""

    site: Site
    shifts: list[CycleShift]


@dataclass(frozen=True)
class MeasuredOverlap:
    """A site, one of its neighbours, and the displacement between them."""

    site: Site
    neighbour_id: int
    measured: SiteOverlap


@dataclass(frozen=True)
class Illumination:
    """Illumination statistics of a channel; of all plates together if `plate_name` is None."""

    channel: Channel
    plate_name: str | None
    file: IllumstatsFile


def list_site_shifts(
    session: Session,
    experiment_id: int,
    *,
    plate_name: str | None = None,
    well_name: str | None = None,
    omitted: bool | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[AlignedSite]:
    """Sites that were aligned or omitted, sorted by plate, well, y and x."""
    query = (
        select(Site)
        .join(Site.well)
        .join(Well.plate)
        .where(
            Site.experiment_id == experiment_id,
            Site.omitted | select(SiteShift).where(SiteShift.site_id == Site.id).exists(),
        )
        .options(contains_eager(Site.well).contains_eager(Well.plate))
        .order_by(Plate.name, Well.name, Site.y, Site.x)
        .limit(limit)
        .offset(offset)
    )
    if plate_name is not None:
        query = query.where(Plate.name == plate_name)
    if well_name is not None:
        query = query.where(Well.name == well_name)
    if omitted is not None:
        query = query.where(Site.omitted == omitted)
    sites = list(session.scalars(query))
    shifts: dict[int, list[CycleShift]] = {site.id: [] for site in sites}
    for site_id, index, y, x, quality in session.execute(
        select(SiteShift.site_id, Cycle.index, SiteShift.y, SiteShift.x, SiteShift.quality)
        .join(Cycle, Cycle.id == SiteShift.cycle_id)
        .where(SiteShift.experiment_id == experiment_id)
        .order_by(Cycle.index)
    ):
        if site_id in shifts:
            shifts[site_id].append(CycleShift(index, y, x, quality))
    return [AlignedSite(site, shifts[site.id]) for site in sites]


def list_site_overlaps(
    session: Session,
    experiment_id: int,
    *,
    plate_name: str | None = None,
    well_name: str | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[MeasuredOverlap]:
    """Neighbours that were compared, sorted by plate, well, y and x of the first site."""
    query = (
        select(Site, SiteOverlap)
        .join(SiteOverlap, SiteOverlap.site_id == Site.id)
        .join(Site.well)
        .join(Well.plate)
        .where(SiteOverlap.experiment_id == experiment_id)
        .options(contains_eager(Site.well).contains_eager(Well.plate))
        .order_by(Plate.name, Well.name, Site.y, Site.x, SiteOverlap.neighbour_id)
        .limit(limit)
        .offset(offset)
    )
    if plate_name is not None:
        query = query.where(Plate.name == plate_name)
    if well_name is not None:
        query = query.where(Well.name == well_name)
    return [MeasuredOverlap(site, one.neighbour_id, one) for site, one in session.execute(query)]


def list_illumination(session: Session, experiment_id: int) -> list[Illumination]:
    """Illumination of each channel that step corilla has measured, sorted by name."""
    rows = session.execute(
        select(Channel, Plate.name, IllumstatsFile)
        .join(IllumstatsFile, IllumstatsFile.channel_id == Channel.id)
        .join(Plate, Plate.id == IllumstatsFile.plate_id, isouter=True)
        .where(Channel.experiment_id == experiment_id)
        .order_by(Channel.name, Plate.name)
    )
    return [Illumination(*row) for row in rows]


def acquisition_times(
    session: Session, acquisition_ids: Collection[int]
) -> dict[int, tuple[datetime, datetime]]:
    """Times of the first and the last image of each acquisition, if known."""
    rows = session.execute(
        select(
            ChannelImageFile.acquisition_id,
            func.min(ChannelImageFile.acquired_at),
            func.max(ChannelImageFile.acquired_at),
        )
        .where(
            ChannelImageFile.acquisition_id.in_(acquisition_ids),
            ChannelImageFile.acquired_at.is_not(None),
        )
        .group_by(ChannelImageFile.acquisition_id)
    )
    return {
        acquisition_id: (first, last)
        for acquisition_id, first, last in rows
        if first is not None and last is not None
    }
