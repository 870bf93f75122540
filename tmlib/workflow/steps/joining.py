"""Makes one experiment of the acquisitions that step metaconfig has recorded."""

import logging
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from uuid import uuid4

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from tmlib.errors import BadInput
from tmlib.experiments.models import (
    Acquisition,
    Channel,
    ChannelImageFile,
    Cycle,
    Experiment,
    Plate,
    Site,
)
from tmlib.workflow.steps.configuration import insert_missing

logger = logging.getLogger(__name__)


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
    _name_channels(session, experiment)
    _number_fields(session, experiment_id)


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
        insert_missing(session, Channel, [row], ["name"])
        target = session.execute(
            select(Channel.id).where(Channel.experiment_id == experiment_id, Channel.name == name)
        ).scalar_one()
        session.execute(
            update(ChannelImageFile)
            .where(*planes, ChannelImageFile.channel_id == channel.id)
            .values(tpoint=0, cycle_id=cycle_id, channel_id=target)
        )


def _cycle(session: Session, experiment_id: int, index: int) -> int:
    insert_missing(session, Cycle, [{"experiment_id": experiment_id, "index": index}], ["index"])
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


def _name_channels(session: Session, experiment: Experiment) -> None:
    """Give channels the names back that users gave them before they were recorded anew."""
    channels = session.scalars(select(Channel).where(Channel.experiment_id == experiment.id)).all()
    names = _distinct_names([one.recorded_name for one in channels], experiment.channel_names)
    renamed = [one for one in channels if one.name != names[one.recorded_name]]
    for channel in renamed:
        # two may have changed names with each other
        channel.name = uuid4().hex
    session.flush()
    for channel in renamed:
        channel.name = names[channel.recorded_name]


def _distinct_names(recorded: Iterable[str], given: Mapping[str, str]) -> dict[str, str]:
    """By recorded name the one that users gave; the recorded one where two would be the same."""
    names = {name: given.get(name, name) for name in recorded}
    while True:
        counts = Counter(names.values())
        doubled = [name for name, own in names.items() if own != name and counts[own] > 1]
        if not doubled:
            return names
        for name in doubled:
            logger.warning(
                'Channel "%s" is not called "%s" again, since another channel is.',
                *(name, names[name]),
            )
            names[name] = name


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
