"""Tiles of the map: pixels of a channel layer, objects of a segmentation layer."""

from typing import Annotated

from flask import Response, request
from pydantic import Field
from pydantic_core import to_json

from tmlib.errors import NotFound
from tmlib.experiments import channels
from tmlib.images.mosaics import read_tile
from tmlib.images.tiles import ImageFormat, empty_tile, render_tile
from tmlib.objects.service import get_segmentation_layer
from tmlib.objects.tiles import segmentation_tile
from tmserver.access import ExperimentAccess
from tmserver.routing import Routes
from tmserver.schemas import Index, Schema

routes = Routes("tile")

_EXPERIMENT = "/api/experiments/<experiment_id>"
_Intensity = Annotated[int, Field(ge=0, le=2**16)]


class TileQuery(Schema):
    """Column, row and zoom level of a tile of 256 x 256 pixels; level 0 is the outermost."""

    x: Index
    y: Index
    z: Annotated[int, Field(ge=0, le=40)]


class ChannelTileQuery(TileQuery):
    """Which tile, and how it looks: the intensities that become black and white, the format."""

    minimum: _Intensity | None = Field(default=None, alias="min")
    maximum: _Intensity | None = Field(default=None, alias="max")
    image_format: ImageFormat = Field(default="jpeg", alias="format")


@routes.get(
    f"{_EXPERIMENT}/channel_layers/<channel_layer_id>/tiles",
    f"{_EXPERIMENT}/channel_layer/<channel_layer_id>/tiles",
    permits="read",
    media=("image/jpeg", "image/png", "image/webp"),
)
def get_channel_layer_tile(
    access: ExperimentAccess, channel_layer_id: int, query: ChannelTileQuery
) -> Response:
    """Get an 8-bit gray image of a part of a channel; black where nothing was imaged."""
    with access.database.session() as session:
        layer = channels.get_layer(session, access.experiment_id, channel_layer_id)
    minimum = layer.min_intensity if query.minimum is None else query.minimum
    maximum = layer.max_intensity if query.maximum is None else query.maximum
    etag = f"{layer.version}-{minimum}-{maximum}-{query.image_format}"
    response = Response(mimetype=f"image/{query.image_format}")
    response.set_etag(etag)
    response.headers["Cache-Control"] = "private, no-cache"
    if not request.if_none_match.contains_weak(etag):
        path = access.storage.mosaic(layer.channel_id, layer.tpoint, layer.zplane, layer.version)
        pixels = read_tile(path, z=query.z, y=query.y, x=query.x)
        response.data = (
            empty_tile(query.image_format)
            if pixels is None
            else render_tile(pixels, minimum, maximum, query.image_format)
        )
    response.make_conditional(request)
    return response


@routes.get(
    f"{_EXPERIMENT}/segmentation_layers/<segmentation_layer_id>/tiles",
    f"{_EXPERIMENT}/segmentation_layers/<segmentation_layer_id>/tile",
    permits="read",
    media=("application/json",),
)
def get_segmentation_layer_tile(
    access: ExperimentAccess, segmentation_layer_id: int, query: TileQuery
) -> Response:
    """Get the objects of a part of the map as GeoJSON; y is negative downwards."""
    if access.experiment.map_levels is None:
        raise NotFound("The experiment has no map yet: run the workflow first.")
    with access.database.session() as session:
        layer = get_segmentation_layer(session, access.experiment_id, segmentation_layer_id)
        features = segmentation_tile(
            session, layer, query.x, query.y, query.z, access.experiment.map_levels
        )
    response = Response(to_json(features), mimetype="application/json")
    response.headers["Cache-Control"] = "private, no-cache"
    response.add_etag()
    response.make_conditional(request)
    return response
