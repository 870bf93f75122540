"""Writes what step metaconfig found: wells, sites, channels, cycles and planes."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, select, update
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
    Site,
    Well,
)
from tmlib.experiments.plates import lock_plate, lock_plates
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


def forget(session: Session, experiment_id: int) -> None:
    """Delete all wells, sites, channels and cycles.

    What users have said of wells is kept, and how they call channels.
    """
    # those that a failed run has left have not got their names back
    joined = select(ChannelImageFile.channel_id).where(
        ChannelImageFile.experiment_id == experiment_id, ChannelImageFile.cycle_id.is_not(None)
    )
    channels = select(Channel).where(Channel.id.in_(joined)).with_for_update()
    names = {channel.recorded_name: channel.name for channel in session.scalars(channels)}
    experiment = session.get_one(Experiment, experiment_id)
    given = {recorded: name for recorded, name in names.items() if name != recorded}
    experiment.channel_names = _without(experiment.channel_names, names) | given
    described = select(Well).where(Well.experiment_id == experiment_id)
    for plate in lock_plates(session, experiment_id):
        own = session.scalars(described.where(Well.plate_id == plate.id))
        named = {well.name: well.description for well in own}
        told = {name: description for name, description in named.items() if description}
        plate.well_descriptions = _without(plate.well_descriptions, named) | told
    session.flush()
    for model in (Channel, Cycle, Well):
        session.execute(delete(model).where(model.experiment_id == experiment_id))
    session.execute(
        update(Experiment).where(Experiment.id == experiment_id).values(pixel_size=None)
    )


def _without(kept: Mapping[str, Any], known: Container[str]) -> dict[str, Any]:
    """What was kept of those that are not known better now."""
    return {name: value for name, value in kept.items() if name not in known}


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


def digest_of_acquisitions(acquisitions: Iterable[tuple[int, int]]) -> str:
    """A digest of which acquisitions are joined: ids of plate and acquisition, in their order."""
    return digest(list(acquisitions))


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


def insert_missing(
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
    insert_missing(session, Channel, rows, ["name"])
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
    plate = lock_plate(session, acquisition.experiment_id, acquisition.plate_id)
    rows = [
        {
            "experiment_id": acquisition.experiment_id,
            "plate_id": acquisition.plate_id,
            "name": name,
            "description": plate.well_descriptions.get(name, {}),
        }
        for name in {plane.well for plane in planes}
    ]
    insert_missing(session, Well, rows, ["name"])
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
    insert_missing(session, Site, rows, ["well_id", "y", "x"])
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
