"""Channels and their layers, which are the images of the map."""

from typing import NamedTuple, cast

from sqlalchemy import BigInteger, String, Table, bindparam, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, contains_eager

from tmlib.db import Database
from tmlib.errors import Conflict, NotFound
from tmlib.experiments.models import Channel, ChannelLayer


class LayerRow(NamedTuple):
    """A layer of a channel, see :class:`tmlib.experiments.models.ChannelLayer`."""

    id: int
    channel_id: int
    tpoint: int
    zplane: int
    min_intensity: int
    max_intensity: int
    version: str


class ChannelRow(NamedTuple):
    """A channel with its layers, see :class:`tmlib.experiments.models.Channel`."""

    id: int
    name: str
    wavelength: str
    bit_depth: int
    layers: list[LayerRow]


_CHANNELS = cast(Table, Channel.__table__)
_LAYERS = cast(Table, ChannelLayer.__table__)
_NAME = bindparam("channel_name", type_=String)
_ALL = 2**62

# built once, since every viewer begins with it
_CHOSEN = (
    select(_CHANNELS.c.id)
    .where(
        _CHANNELS.c.experiment_id == bindparam("experiment_id"),
        or_(_NAME.is_(None), _CHANNELS.c.name == _NAME),
    )
    .order_by(_CHANNELS.c.name)
    .limit(bindparam("most", type_=BigInteger))
    .offset(bindparam("passed", type_=BigInteger))
    .subquery()
)
_LISTED = (
    select(
        *(_CHANNELS.c.id, _CHANNELS.c.name, _CHANNELS.c.wavelength, _CHANNELS.c.bit_depth),
        *(_LAYERS.c[field] for field in LayerRow._fields),
    )
    .join(_CHOSEN, _CHOSEN.c.id == _CHANNELS.c.id)
    .outerjoin(_LAYERS, _LAYERS.c.channel_id == _CHANNELS.c.id)
    .order_by(_CHANNELS.c.name, _LAYERS.c.tpoint, _LAYERS.c.zplane)
)


def list_channels(
    database: Database,
    experiment_id: int,
    *,
    name: str | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[ChannelRow]:
    """Channels, sorted by name, with their layers."""
    values = {
        "experiment_id": experiment_id,
        "channel_name": name,
        "most": _ALL if limit is None else limit,
        "passed": offset,
    }
    found: dict[int, ChannelRow] = {}
    for number, channel_name, wavelength, bit_depth, *layer in database.all(_LISTED, values):
        channel = ChannelRow(number, channel_name, wavelength, bit_depth, [])
        layers = found.setdefault(number, channel).layers
        if layer[0] is not None:
            layers.append(LayerRow(*layer))
    return [*found.values()]


def get_channel(session: Session, experiment_id: int, channel_id: int) -> Channel:
    """A channel of an experiment.

    Raises
    ------
    NotFound
        If the experiment has no such channel.
    """
    channel = session.get(Channel, channel_id)
    if channel is None or channel.experiment_id != experiment_id:
        raise NotFound("The experiment has no such channel.")
    return channel


def rename_channel(session: Session, experiment_id: int, channel_id: int, name: str) -> None:
    """Rename a channel.

    Raises
    ------
    Conflict
        If the experiment has another channel of this name.
    """
    get_channel(session, experiment_id, channel_id).name = name
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(
            f'The experiment has a channel "{name}" already: choose another name.'
        ) from error


def list_layers(
    session: Session,
    experiment_id: int,
    *,
    channel_name: str | None = None,
    tpoint: int | None = None,
    zplane: int | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[ChannelLayer]:
    """Layers, sorted by channel name, time point and plane."""
    query = (
        select(ChannelLayer)
        .join(ChannelLayer.channel)
        .where(ChannelLayer.experiment_id == experiment_id)
        .options(contains_eager(ChannelLayer.channel))
        .order_by(Channel.name, ChannelLayer.tpoint, ChannelLayer.zplane)
        .limit(limit)
        .offset(offset)
    )
    if channel_name is not None:
        query = query.where(Channel.name == channel_name)
    if tpoint is not None:
        query = query.where(ChannelLayer.tpoint == tpoint)
    if zplane is not None:
        query = query.where(ChannelLayer.zplane == zplane)
    return list(session.scalars(query))
