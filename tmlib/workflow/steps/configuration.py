"""Writes what step metaconfig found: wells, sites, channels, cycles and planes."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from tmlib.db import Base
from tmlib.errors import BadInput
from tmlib.experiments.models import (
    Acquisition,
    Channel,
    ChannelImageFile,
    Cycle,
    Experiment,
    Plate,
    Site,
    Well,
)
from tmlib.images.reading import ImageProperties
from tmlib.microscopes import PlaneMetadata
from tmlib.workflow.steps.base import digest

_PIXEL_SIZE_TOLERANCE = 0.01


@dataclass(frozen=True)
class Plane:
    """One plane of one site's image; ``sources`` are the planes of files that it is made of."""

    well: str
    cell: tuple[int, int]
    channel: str
    tpoint: int
    zplane: int
    sources: tuple[PlaneMetadata, ...]
    properties: ImageProperties


def record(
    session: Session,
    acquisition: Acquisition,
    planes: Sequence[Plane],
    places: Mapping[tuple[str, tuple[int, int]], tuple[float, float]],
    pixel_size: float | None = None,
) -> None:
    """Enter the planes of an acquisition, and the wells, sites and channels that they need.

    Acquisitions of one plate share them; whoever comes first enters them.

    Parameters
    ----------
    session
        Of the transaction.
    acquisition
        Whose planes they are.
    planes
        All of them.
    places
        Where the stage put the sites (y, x), in pixels from the corner of the well, by name of the
        well and cell of the site; others lie in a regular grid.
    pixel_size
        Width and height of a pixel in micrometres, if known.

    Raises
    ------
    BadInput
        If images of the experiment differ in size, bit depth or size of pixels.
    """
    experiment_id = acquisition.experiment_id
    if pixel_size is not None:
        _enter_pixel_size(session, acquisition, pixel_size)
    channels = _channels(session, experiment_id, planes)
    wells = _wells(session, acquisition, planes)
    sites = _sites(session, experiment_id, wells, planes, places)
    session.execute(
        ChannelImageFile.__table__.insert(),  # type: ignore[attr-defined] # a Table has it
        [
            {
                "experiment_id": experiment_id,
                "acquisition_id": acquisition.id,
                "site_id": sites[wells[plane.well], *plane.cell],
                "channel_id": channels[plane.channel],
                "tpoint": plane.tpoint,
                "zplane": plane.zplane,
                "file_map": {
                    "files": [source.file_name for source in plane.sources],
                    "series": [source.series for source in plane.sources],
                    "planes": [source.plane for source in plane.sources],
                },
                "acquired_at": min(
                    (source.time for source in plane.sources if source.time is not None),
                    default=None,
                ),
            }
            for plane in planes
        ],
    )


def join_acquisitions(session: Session, experiment_id: int) -> None:
    """Make one experiment of all acquisitions.

    In mode ``basic`` the acquisitions of a plate are a time series of one cycle. In mode
    ``multiplexing`` each is a cycle, and its channels are named ``<cycle>_<wavelength>``.
    """
    experiment = session.get_one(Experiment, experiment_id)
    multiplexing = experiment.plate_acquisition_mode == "multiplexing"
    move = _to_cycle if multiplexing else _to_tpoint
    for plate in session.scalars(select(Plate).where(Plate.experiment_id == experiment_id)).all():
        first = 0
        for acquisition in plate.acquisitions:
            n_tpoints = _n_tpoints(session, acquisition.id)
            # Later ones first, so that a time point never moves to where another still is.
            for tpoint in reversed(range(n_tpoints)):
                move(session, acquisition, tpoint, first + tpoint)
            first += n_tpoints
    _drop_empty_channels(session, experiment_id)
    _number_channels(session, experiment_id)
    _number_fields(session, experiment_id)


def recorded(session: Session, experiment_id: int) -> str:
    """A digest of all that was recorded: it changes with whatever is changed afterwards.

    Names of channels are left out, since users may give them others, and so is what later steps
    enter into sites.
    """
    queries = (
        select(Experiment.pixel_size).where(Experiment.id == experiment_id),
        _columns(Cycle, experiment_id, "id", "index"),
        _columns(Channel, experiment_id, "id", "wavelength", "bit_depth", "index"),
        _columns(Well, experiment_id, "id", "plate_id", "name"),
        _columns(Site, experiment_id, "id", "well_id", "y", "x", "field", "height", "width"),
        _columns(Site, experiment_id, "stage_y", "stage_x"),
        _columns(
            ChannelImageFile,
            experiment_id,
            *("id", "acquisition_id", "site_id", "channel_id", "cycle_id", "tpoint", "zplane"),
            "file_map",
        ),
    )
    return digest([[tuple(row) for row in session.execute(query)] for query in queries])


def _columns(model: type[Base], experiment_id: int, *names: str) -> Select[Any]:
    columns = model.__table__.c
    return (
        select(*(columns[name] for name in names))
        .where(columns.experiment_id == experiment_id)
        .order_by(columns.id)
    )


def _enter_pixel_size(session: Session, acquisition: Acquisition, pixel_size: float) -> None:
    experiment = session.get_one(Experiment, acquisition.experiment_id, with_for_update=True)
    if experiment.pixel_size is None:
        experiment.pixel_size = pixel_size
    elif abs(experiment.pixel_size - pixel_size) > _PIXEL_SIZE_TOLERANCE * pixel_size:
        raise BadInput(
            f'The pixels of acquisition "{acquisition.name}" are {pixel_size:g} micrometres wide, '
            f"those of others {experiment.pixel_size:g}: images of different magnification "
            "belong into different experiments."
        )


def _insert_missing(
    session: Session, model: type[Base], rows: list[dict[str, Any]], keys: Iterable[str]
) -> None:
    """Insert rows that are not there yet; two jobs may do so at the same time."""
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    insert = postgresql.insert if is_postgresql else sqlite.insert
    # In the order of their keys, so that two jobs never wait for each other in a circle.
    ordered = sorted(rows, key=lambda row: tuple(row[key] for key in keys))
    session.execute(insert(model).on_conflict_do_nothing(), ordered)


def _channels(session: Session, experiment_id: int, planes: Sequence[Plane]) -> dict[str, int]:
    depths: dict[str, int] = {}
    for plane in planes:
        depth = plane.properties.bit_depth
        _check_depth(plane.channel, depth, depths.setdefault(plane.channel, depth))
    rows = [
        {
            "experiment_id": experiment_id,
            "name": name,
            "wavelength": name,
            "bit_depth": depth,
            "index": 0,
        }
        for name, depth in depths.items()
    ]
    _insert_missing(session, Channel, rows, ["name"])
    found = session.execute(
        select(Channel.name, Channel.id, Channel.bit_depth).where(
            Channel.experiment_id == experiment_id, Channel.name.in_(depths)
        )
    ).all()
    for row in found:
        _check_depth(row.name, depths[row.name], row.bit_depth)
    return {row.name: row.id for row in found}


def _check_depth(channel: str, one: int, other: int) -> None:
    if one != other:
        raise BadInput(
            f'The images of channel "{channel}" have {one} and {other} bits: '
            "all images of an experiment must have the same."
        )


def _wells(session: Session, acquisition: Acquisition, planes: Sequence[Plane]) -> dict[str, int]:
    rows = [
        {
            "experiment_id": acquisition.experiment_id,
            "plate_id": acquisition.plate_id,
            "name": name,
            "description": {},
        }
        for name in {plane.well for plane in planes}
    ]
    _insert_missing(session, Well, rows, ["name"])
    found = session.execute(select(Well.name, Well.id).where(Well.plate_id == acquisition.plate_id))
    return {row.name: row.id for row in found}


def _sites(
    session: Session,
    experiment_id: int,
    wells: dict[str, int],
    planes: Sequence[Plane],
    places: Mapping[tuple[str, tuple[int, int]], tuple[float, float]],
) -> dict[tuple[int, int, int], int]:
    found = {(plane.well, plane.cell): plane.properties for plane in planes}
    rows = [
        {
            "experiment_id": experiment_id,
            "well_id": wells[well],
            "y": cell[0],
            "x": cell[1],
            "field": 0,
            "height": properties.height,
            "width": properties.width,
            **placed(places.get((well, cell))),
        }
        for (well, cell), properties in found.items()
    ]
    _insert_missing(session, Site, rows, ["well_id", "y", "x"])
    recorded = session.execute(
        select(Site.well_id, Site.y, Site.x, Site.id, Site.height, Site.width)
        .join(Well, Well.id == Site.well_id)
        .where(Site.experiment_id == experiment_id, Well.id.in_(wells.values()))
    ).all()
    size = recorded[0].height, recorded[0].width
    for plane in planes:
        own = plane.properties.height, plane.properties.width
        if own != size:
            raise BadInput(
                f'"{plane.sources[0].file_name}" has {own[0]} x {own[1]} pixels, other images have '
                f"{size[0]} x {size[1]}: all images of an experiment must be of one size."
            )
    return {(row.well_id, row.y, row.x): row.id for row in recorded}


def placed(place: tuple[float, float] | None) -> dict[str, float | int | None]:
    """The columns of a site that the stage put at this place."""
    if place is None:
        return dict.fromkeys(("stage_y", "stage_x", "offset_y", "offset_x"))
    y, x = place
    return {"stage_y": y, "stage_x": x, "offset_y": round(y), "offset_x": round(x)}


def _n_tpoints(session: Session, acquisition_id: int) -> int:
    last = session.scalar(
        select(func.max(ChannelImageFile.tpoint)).where(
            ChannelImageFile.acquisition_id == acquisition_id
        )
    )
    return 0 if last is None else last + 1


def _to_tpoint(session: Session, acquisition: Acquisition, tpoint: int, number: int) -> None:
    cycle_id = _cycle(session, acquisition.experiment_id, 0)
    session.execute(
        update(ChannelImageFile)
        .where(ChannelImageFile.acquisition_id == acquisition.id, ChannelImageFile.tpoint == tpoint)
        .values(tpoint=number, cycle_id=cycle_id)
    )


def _to_cycle(session: Session, acquisition: Acquisition, tpoint: int, number: int) -> None:
    experiment_id = acquisition.experiment_id
    cycle_id = _cycle(session, experiment_id, number)
    planes = (
        ChannelImageFile.acquisition_id == acquisition.id,
        ChannelImageFile.tpoint == tpoint,
        ChannelImageFile.cycle_id.is_(None),
    )
    used = select(ChannelImageFile.channel_id).where(*planes).distinct()
    for channel in session.scalars(select(Channel).where(Channel.id.in_(used))).all():
        name = f"{number}_{channel.wavelength}"
        row = {
            "experiment_id": experiment_id,
            "name": name,
            "wavelength": channel.wavelength,
            "bit_depth": channel.bit_depth,
            "index": 0,
        }
        _insert_missing(session, Channel, [row], ["name"])
        target = session.execute(
            select(Channel.id).where(Channel.experiment_id == experiment_id, Channel.name == name)
        ).scalar_one()
        session.execute(
            update(ChannelImageFile)
            .where(*planes, ChannelImageFile.channel_id == channel.id)
            .values(tpoint=0, cycle_id=cycle_id, channel_id=target)
        )


def _cycle(session: Session, experiment_id: int, index: int) -> int:
    _insert_missing(session, Cycle, [{"experiment_id": experiment_id, "index": index}], ["index"])
    return session.execute(
        select(Cycle.id).where(Cycle.experiment_id == experiment_id, Cycle.index == index)
    ).scalar_one()


def _drop_empty_channels(session: Session, experiment_id: int) -> None:
    used = select(ChannelImageFile.channel_id).where(
        ChannelImageFile.experiment_id == experiment_id
    )
    session.execute(
        delete(Channel).where(Channel.experiment_id == experiment_id, Channel.id.not_in(used))
    )


def _number_channels(session: Session, experiment_id: int) -> None:
    """Give channels their places on the images' channel axis, in the natural order of names."""
    channels = session.scalars(select(Channel).where(Channel.experiment_id == experiment_id)).all()
    depths = {channel.bit_depth for channel in channels}
    if len(depths) > 1:
        raise BadInput(
            f"The channels have {' and '.join(map(str, sorted(depths)))} bits: "
            "all images of an experiment must have the same."
        )
    for index, channel in enumerate(sorted(channels, key=lambda one: natural_order(one.name))):
        channel.index = index


def _number_fields(session: Session, experiment_id: int) -> None:
    """Number the sites of each well in the order of rows and columns."""
    wells: dict[int, list[int]] = defaultdict(list)
    for site in session.execute(
        select(Site.id, Site.well_id)
        .where(Site.experiment_id == experiment_id)
        .order_by(Site.well_id, Site.y, Site.x)
    ):
        wells[site.well_id].append(site.id)
    rows = [
        {"id": site_id, "field": field}
        for site_ids in wells.values()
        for field, site_id in enumerate(site_ids)
    ]
    session.execute(update(Site), rows)


def natural_order(name: str) -> list[tuple[int, int | str]]:
    """Sort key by which "C2" comes before "C10"."""
    return [
        (0, int(part)) if part.isdecimal() else (1, part)
        for part in re.split(r"([0-9]+)", name)
        if part
    ]
