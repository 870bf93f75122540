"""Corrects the places of overlapping sites by what their images show, well by well."""

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from tmlib.db.many import change_among, parts, select_among
from tmlib.experiments.models import Channel, ChannelImageFile, Cycle, Site, SiteOverlap, Well
from tmlib.images.channel_images import field_path, read_plane
from tmlib.images.reading import GrayImage
from tmlib.images.stitching import (
    Displacement,
    Pair,
    Seen,
    cut_strips,
    may_be_compared,
    measure_displacement,
    solve_places,
)
from tmlib.workflow.steps.base import StepContext, digest, logger
from tmlib.workflow.steps.configuration import placed

_LIMIT = 0.03
_LEAST_LIMIT = 10
_TRIED_PAIRS = 4

Ends = tuple[int, int]


@dataclass(frozen=True)
class _StagedSite:
    """A site, where the stage put it, and the focal planes of its first time point by channel."""

    id: int
    field: int
    stage: tuple[float, float]
    planes: dict[int, list[int]]


@dataclass(frozen=True)
class _StagedWell:
    name: str
    plate_id: int
    shape: tuple[int, int]
    sites: list[_StagedSite]


def wells_to_refine(session: Session, experiment_id: int) -> dict[int, str]:
    """Wells with sites that overlap enough, by their ids, and a digest of where these lie."""
    wells: dict[int, list[Any]] = defaultdict(list)
    for row in session.execute(
        select(Site.well_id, Site.id, Site.stage_y, Site.stage_x, Site.height, Site.width)
        .where(Site.experiment_id == experiment_id, Site.stage_y.is_not(None))
        .order_by(Site.well_id, Site.id)
    ):
        wells[row.well_id].append(row)
    found = {}
    for well_id, sites in wells.items():
        stages = np.array([(site.stage_y, site.stage_x) for site in sites])
        if _neighbours(stages, (sites[0].height, sites[0].width)):
            found[well_id] = digest([tuple(site) for site in sites])
    return found


def refinement(session: Session, well_ids: Collection[int]) -> dict[int, str]:
    """By id of the well what its sites' places are known by."""
    known: dict[int, list[tuple[object, ...]]] = {well_id: [] for well_id in well_ids}
    sites = select(Site.well_id, Site.id, Site.offset_y, Site.offset_x).order_by(Site.id)
    for row in select_among(session, sites, Site.well_id, well_ids):
        known[row.well_id].append(tuple(row))
    pairs = (
        select(Site.well_id, SiteOverlap.site_id, SiteOverlap.neighbour_id, SiteOverlap.quality)
        .join(Site, Site.id == SiteOverlap.site_id)
        .order_by(SiteOverlap.site_id, SiteOverlap.neighbour_id)
    )
    for row in select_among(session, pairs, Site.well_id, well_ids):
        known[row.well_id].append(tuple(row))
    return {well_id: digest(rows) for well_id, rows in known.items()}


def forget_refinement(session: Session, experiment_id: int, kept: Collection[int]) -> None:
    """Put the sites of all wells but these back to where the stage put them."""
    sites = session.execute(
        select(Site.id, Site.well_id, Site.stage_y, Site.stage_x).where(
            Site.experiment_id == experiment_id, Site.stage_y.is_not(None)
        )
    ).all()
    others = [site for site in sites if site.well_id not in kept]
    ids = [site.id for site in others]
    change_among(session, delete(SiteOverlap), SiteOverlap.site_id, ids)
    for part in parts(others):
        session.execute(
            update(Site),
            [{"id": site.id, **placed((site.stage_y, site.stage_x))} for site in part],
        )


def refine(context: StepContext, well_id: int) -> None:
    """Measure the overlaps of a well, and correct the places of its sites."""
    with context.database.session() as session:
        well = _read_well(session, well_id)
    stages = np.array([site.stage for site in well.sites])
    limit = _limit(context, well.shape)
    neighbours = _neighbours(stages, well.shape)
    channel = _choose_channel(context, well, stages, neighbours, limit)
    measured = _measure(context, well, stages, neighbours, limit, channel)
    pairs = [Pair(*ends, measured[ends]) for ends in neighbours]
    places = solve_places(stages, pairs)
    _tell(well, stages, places, pairs)
    _check_directions(context, well, stages, measured, limit, channel)
    context.effects.append(lambda session: _record(session, context, well, places, pairs))


def _check_directions(
    context: StepContext,
    well: _StagedWell,
    stages: NDArray[np.float64],
    measured: Mapping[Ends, Displacement],
    limit: int,
    channel: int,
) -> None:
    """Tell in the log if the images only fit when an axis of the stage is turned round."""
    for axis, argument, values in ((0, "stage_y", "up and down"), (1, "stage_x", "left and right")):
        along = [ends for ends in measured if _is_along(stages, ends, axis)][:_TRIED_PAIRS]
        if along and not any(measured[ends].is_reliable for ends in along):
            turned = stages * (np.array([-1, 1]) if axis == 0 else np.array([1, -1]))
            fits = _measure(context, well, turned, along, limit, channel).values()
            if 2 * sum(one.is_reliable for one in fits) > len(along):
                logger.warning(
                    "The images of well %s fit if the stage goes the other way: give argument %s "
                    "of step metaconfig the other one of %s.",
                    well.name,
                    argument,
                    values,
                )


def _limit(context: StepContext, shape: tuple[int, int]) -> int:
    given = context.arguments["refinement_limit"]
    if given is None:
        return max(_LEAST_LIMIT, math.ceil(_LIMIT * max(shape)))
    # beyond half an image neighbours would change places
    return min(int(given), min(shape) // 2)


def _neighbours(stages: NDArray[np.float64], shape: tuple[int, int]) -> list[Ends]:
    """Pairs of sites that share enough to be compared."""
    close = cKDTree(stages / shape).query_pairs(1, p=np.inf)
    return sorted((i, j) for i, j in close if may_be_compared(stages[j] - stages[i], shape))


def _is_along(stages: NDArray[np.float64], ends: Ends, axis: int) -> bool:
    """Whether two sites are neighbours along an axis."""
    way = np.abs(stages[ends[1]] - stages[ends[0]])
    return bool(way[axis] > way[1 - axis])


def _read_well(session: Session, well_id: int) -> _StagedWell:
    """What is known of a well; of several cycles the first one is seen."""
    well = session.get_one(Well, well_id)
    planes: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row in session.execute(
        select(ChannelImageFile.site_id, ChannelImageFile.zplane, Channel.index.label("channel"))
        .join(Site, Site.id == ChannelImageFile.site_id)
        .join(Channel, Channel.id == ChannelImageFile.channel_id)
        .join(Cycle, Cycle.id == ChannelImageFile.cycle_id)
        .where(Site.well_id == well_id, ChannelImageFile.tpoint == 0, Cycle.index == 0)
        .order_by(Channel.index, ChannelImageFile.zplane)
    ):
        planes[row.site_id][row.channel].append(row.zplane)
    sites = [
        _StagedSite(site.id, site.field, (site.stage_y, site.stage_x), dict(planes[site.id]))
        for site in well.sites
        if site.stage_y is not None and site.stage_x is not None
    ]
    first = well.sites[0]
    return _StagedWell(well.name, well.plate_id, (first.height, first.width), sites)


def _choose_channel(
    context: StepContext,
    well: _StagedWell,
    stages: NDArray[np.float64],
    neighbours: Sequence[Ends],
    limit: int,
) -> int:
    """The channel whose overlaps fit best, tried on a few pairs all over the well."""
    channels = sorted({channel for site in well.sites for channel in site.planes})
    if len(channels) < 2:
        return channels[0] if channels else 0
    tried = neighbours[:: -(-len(neighbours) // _TRIED_PAIRS)]
    scores = {}
    for channel in channels:
        found = _measure(context, well, stages, tried, limit, channel).values()
        scores[channel] = (
            sum(one.is_reliable for one in found),
            median(one.quality for one in found),
        )
    return max(channels, key=lambda channel: scores[channel])


def _measure(
    context: StepContext,
    well: _StagedWell,
    stages: NDArray[np.float64],
    neighbours: Sequence[Ends],
    limit: int,
    channel: int,
) -> dict[Ends, Displacement]:
    """The displacements of pairs; each image is read once, and only strips of it are kept."""
    partners: dict[int, list[Ends]] = defaultdict(list)
    for ends in neighbours:
        for end in ends:
            partners[end].append(ends)
    strips: dict[tuple[Ends, int], Seen] = {}
    found: dict[Ends, Displacement] = {}
    for n_done, number in enumerate(sorted(partners)):
        pixels = _read(context, well, well.sites[number], channel)
        seen = None if pixels is None else Seen.of(pixels)
        for ends in partners[number]:
            displacement = stages[ends[1]] - stages[ends[0]]
            where = cut_strips(well.shape, displacement, limit)[ends.index(number)]
            if seen is not None:
                strips[ends, number] = seen.cut(where)
            if number == ends[1]:
                first, second = (strips.pop((ends, end), None) for end in ends)
                found[ends] = (
                    Displacement(float(displacement[0]), float(displacement[1]), 0.0, False)
                    if first is None or second is None
                    else measure_displacement(first, second, well.shape, displacement, limit)
                )
        context.progress(n_done / len(partners))
    return found


def _read(
    context: StepContext, well: _StagedWell, site: _StagedSite, channel: int
) -> GrayImage | None:
    """The image of a site, the maximum of its focal planes; None if it has none."""
    zplanes = site.planes.get(channel)
    if not zplanes:
        return None
    field = field_path(context.storage.plate_images(well.plate_id), well.name, site.field)
    return reduce(np.maximum, (read_plane(field, t=0, c=channel, z=z) for z in zplanes))


def _tell(
    well: _StagedWell,
    stages: NDArray[np.float64],
    places: NDArray[np.float64],
    pairs: Sequence[Pair],
) -> None:
    """Say in the log how overlaps fit, and by how much the stage is corrected."""
    for pair in pairs:
        one = pair.measured
        logger.info(
            "well %s: site %d lies %.1f, %.1f pixels (y, x) from site %d, quality %.2f%s",
            well.name,
            well.sites[pair.second].field,
            one.y,
            one.x,
            well.sites[pair.first].field,
            one.quality,
            "" if one.is_reliable else ": not certain, the stage is believed",
        )
    n_reliable = sum(pair.measured.is_reliable for pair in pairs)
    if n_reliable == 0:
        logger.warning(
            "No overlap of well %s shows how its sites lie: they stay where the stage put them.",
            well.name,
        )
        return
    moved = np.abs(places - stages).max(axis=1)
    logger.info(
        "well %s: %d of %d overlaps tell how sites lie; the stage is corrected by %.1f pixels on "
        "average, %.1f at most",
        well.name,
        n_reliable,
        len(pairs),
        moved.mean(),
        moved.max(),
    )


def _record(
    session: Session,
    context: StepContext,
    well: _StagedWell,
    places: NDArray[np.float64],
    pairs: Sequence[Pair],
) -> None:
    ids = [site.id for site in well.sites]
    change_among(session, delete(SiteOverlap), SiteOverlap.site_id, ids)
    offsets = np.rint(places).astype(int).tolist()
    session.execute(
        update(Site),
        [
            {"id": id_, "offset_y": y, "offset_x": x}
            for id_, (y, x) in zip(ids, offsets, strict=True)
        ],
    )
    session.execute(
        insert(SiteOverlap),
        [
            {
                "site_id": ids[pair.first],
                "neighbour_id": ids[pair.second],
                "experiment_id": context.experiment_id,
                "y": pair.measured.y,
                "x": pair.measured.x,
                "quality": pair.measured.quality,
                "is_reliable": pair.measured.is_reliable,
            }
            for pair in pairs
        ],
    )
