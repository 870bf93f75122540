"""Channels and their layers, which are the images of the map."""

from dataclasses import dataclass

from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, contains_eager, selectinload

from tmlib.db import Database
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


@dataclass(frozen=True)
class ShownLayer:
    """What decides about the tiles of a channel layer.

    ``pixels`` is the version of its pyramid; ``minimum`` and ``maximum`` are the intensities that
    are black and white when no others are asked for.
    """

    channel_id: int
    tpoint: int
    zplane: int
    pixels: str
    minimum: int
    maximum: int

    @classmethod
    def of(cls, layer: ChannelLayer) -> "ShownLayer":
        """What a row tells."""
        return cls(
            *(layer.channel_id, layer.tpoint, layer.zplane, layer.version),
            *(layer.min_intensity, layer.max_intensity),
        )

    @property
    def version(self) -> str:
        """Changes whenever the pixels or the window do."""
        return f"{self.pixels}-{self.minimum}-{self.maximum}"


_SHOWN = select(
    *(ChannelLayer.channel_id, ChannelLayer.tpoint, ChannelLayer.zplane, ChannelLayer.version),
    *(ChannelLayer.min_intensity, ChannelLayer.max_intensity),
).where(
    ChannelLayer.id == bindparam("layer_id"),
    ChannelLayer.experiment_id == bindparam("experiment_id"),
)

_MOST_REMEMBERED = 10_000


class ShownLayers:
    """Finds layers for their tiles, and remembers those that were asked for by their version.

    A version never comes to mean anything else, so what is remembered needs no other look at the
    database. That the version is gone shows where its pyramid was.

    Parameters
    ----------
    database
        The installation's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._remembered: dict[tuple[int, int, str], ShownLayer] = {}

    def find(self, experiment_id: int, layer_id: int, version: str | None = None) -> ShownLayer:
        """A layer of an experiment in a version that was seen before, else as it is now.

        Raises
        ------
        NotFound
            If the experiment has no such layer.
        """
        if version is not None:
            remembered = self._remembered.get((experiment_id, layer_id, version))
            if remembered is not None:
                return remembered
        return self.find_current(experiment_id, layer_id)

    def find_current(self, experiment_id: int, layer_id: int) -> ShownLayer:
        """A layer of an experiment as it is now.

        Raises
        ------
        NotFound
            If the experiment has no such layer.
        """
        chosen = {"layer_id": layer_id, "experiment_id": experiment_id}
        with self._database.connection() as connection:
            row = connection.execute(_SHOWN, chosen).one_or_none()
        if row is None:
            raise NotFound("The experiment has no such channel layer.")
        found = ShownLayer(*row)
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[experiment_id, layer_id, found.version] = found
        return found
