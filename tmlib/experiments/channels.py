"""Channels and their layers, which are the images of the map."""

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, contains_eager, selectinload

from tmlib.errors import Conflict, NotFound
from tmlib.experiments.models import Channel, ChannelLayer


def list_channels(
    session: Session,
    experiment_id: int,
    *,
    name: str | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[Channel]:
    """Channels, sorted by name, with their layers."""
    query = (
        select(Channel)
        .where(Channel.experiment_id == experiment_id)
        .options(selectinload(Channel.layers))
        .order_by(Channel.name)
        .limit(limit)
        .offset(offset)
    )
    if name is not None:
        query = query.where(Channel.name == name)
    return list(session.scalars(query))


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
