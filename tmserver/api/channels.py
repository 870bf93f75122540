"""Channels and their layers."""

from typing import Annotated

from flask import request
from pydantic import Field

from tmlib.experiments import channels, models, quality
from tmlib.experiments.channels import ChannelRow, LayerRow
from tmlib.experiments.sharing import ExperimentRow
from tmlib.ids import encode_id
from tmlib.images.shown_layers import ShownLayer
from tmserver.access import ExperimentAccess
from tmserver.http.routing import Routes
from tmserver.http.schemas import (
    Id,
    ImageSize,
    Index,
    Message,
    NamedPage,
    Page,
    Rename,
    Schema,
    Text,
)
from tmserver.scopes import EXPERIMENT

routes = Routes("channel", scope=EXPERIMENT)


_TEMPLATE = (
    "https://tmserver.lab.example/api/experiments/MQ==/channel_layers/MQ==/tiles"
    "?x={x}&y={y}&z={z}&version=0123456789abcdef-0-4095-1"
)


class ChannelLayer(Schema):
    """A channel at one time point and plane: a pyramid whose zoom levels are 0 to max_zoom.

    The intensities are the window of brightness that is shown when no other is asked for; the
    size of a pixel is its width in micrometres, if the microscope has told. The version changes
    whenever the pixels or these intensities do; the address of the tiles has it, and places for
    column, row and zoom level. What comes from it can be kept for good.
    """

    id: Id
    max_zoom: int
    tpoint: int
    zplane: int
    max_intensity: int
    min_intensity: int
    experiment_id: Id
    image_size: ImageSize
    pixel_size: float | None
    version: Annotated[str, Field(examples=["0123456789abcdef-0-4095-1"])]
    tiles: Annotated[str, Field(examples=[_TEMPLATE])]


class Channel(Schema):
    """A colour of light that was imaged; the wavelength is what the microscope calls it."""

    id: Id
    name: str
    wavelength: str
    bit_depth: int
    layers: list[ChannelLayer]


class Illumination(Schema):
    """How even the light of a channel is, from so many images.

    Flatness is the coefficient of variation of the mean image over 8 x 8 parts, before and after
    correction: 0 is perfectly even. Without a plate's name it is that of all plates together.
    """

    channel_id: Id
    channel_name: str
    plate_name: str | None
    n_images: int
    flatness_before: float
    flatness_after: float


class ChannelLayerQuery(Page):
    """Which channel layers are asked for."""

    channel_name: Text | None = None
    tpoint: Index | None = None
    zplane: Index | None = None


@routes.get("/channels", permits="read")
def get_channels(access: ExperimentAccess, query: NamedPage) -> list[Channel]:
    """List channels in the order of their names."""
    found = channels.list_channels(
        access.database,
        access.experiment_id,
        name=query.name,
        limit=query.limit,
        offset=query.offset,
    )
    return [_channel(access.experiment, channel) for channel in found]


@routes.get("/illumination", permits="read")
def get_illumination(access: ExperimentAccess, query: Page) -> list[Illumination]:
    """List how even the light is; empty if step corilla has not run."""
    with access.database.session() as session:
        found = quality.list_illumination(session, access.experiment_id)
    return [
        Illumination(
            channel_id=one.channel.id,
            channel_name=one.channel.name,
            plate_name=one.plate_name,
            n_images=one.file.n_images,
            flatness_before=one.file.flatness_before,
            flatness_after=one.file.flatness_after,
        )
        for one in query.of(found)
    ]


@routes.get("/channels/<channel_id>", permits="read")
def get_channel(access: ExperimentAccess, channel_id: int) -> Channel:
    """Get a channel."""
    with access.database.session() as session:
        channel = channels.get_channel(session, access.experiment_id, channel_id)
        return _channel(access.experiment, channel)


@routes.put("/channels/<channel_id>", permits="write", raises=(409,))
def update_channel(access: ExperimentAccess, channel_id: int, body: Rename) -> Message:
    """Rename a channel."""
    with access.database.transaction() as session:
        channels.rename_channel(session, access.experiment_id, channel_id, body.name)
    return Message()


@routes.get("/channel_layers", permits="read")
def get_channel_layers(access: ExperimentAccess, query: ChannelLayerQuery) -> list[ChannelLayer]:
    """List channel layers."""
    with access.database.session() as session:
        layers = channels.list_layers(
            session,
            access.experiment_id,
            channel_name=query.channel_name,
            tpoint=query.tpoint,
            zplane=query.zplane,
            limit=query.limit,
            offset=query.offset,
        )
        return [_layer(access.experiment, layer) for layer in layers]


def map_size(experiment: ExperimentRow) -> ImageSize:
    """Size of an experiment's map; nothing before the map was made."""
    return ImageSize(width=experiment.map_width or 0, height=experiment.map_height or 0)


def _channel(experiment: ExperimentRow, channel: models.Channel | ChannelRow) -> Channel:
    return Channel(
        id=channel.id,
        name=channel.name,
        wavelength=channel.wavelength,
        bit_depth=channel.bit_depth,
        layers=[_layer(experiment, layer) for layer in channel.layers],
    )


def _layer(experiment: ExperimentRow, layer: models.ChannelLayer | LayerRow) -> ChannelLayer:
    version = ShownLayer.of(layer).version
    path = f"api/experiments/{encode_id(experiment.id)}/channel_layers/{encode_id(layer.id)}/tiles"
    return ChannelLayer(
        id=layer.id,
        max_zoom=(experiment.map_levels or 1) - 1,
        tpoint=layer.tpoint,
        zplane=layer.zplane,
        max_intensity=layer.max_intensity,
        min_intensity=layer.min_intensity,
        experiment_id=experiment.id,
        image_size=map_size(experiment),
        pixel_size=experiment.pixel_size,
        version=version,
        tiles=f"{request.url_root}{path}?x={{x}}&y={{y}}&z={{z}}&version={version}",
    )
