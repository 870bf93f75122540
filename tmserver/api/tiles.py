"""Tiles of the map: pixels of a channel layer, objects of a segmentation layer."""

from pathlib import Path
from typing import Annotated, Any, Literal

from flask import Response, request
from pydantic import Field
from pydantic_core import to_json
from sqlalchemy.orm import Session

from tmlib.errors import BadInput, NotFound
from tmlib.images.mosaic_regions import is_complete
from tmlib.images.mosaics import read_tile
from tmlib.images.reading import GrayImage
from tmlib.images.shown_layers import ShownLayer
from tmlib.images.tiles import (
    RENDERING,
    ImageFormat,
    empty_lossless_tile,
    empty_tile,
    lossless_tile,
    render_tile,
)
from tmlib.objects.models import SegmentationLayer
from tmlib.objects.service import get_segmentation_layer
from tmlib.objects.tiles.geojson_tiles import segmentation_tile
from tmlib.tools.models import ToolResult
from tmlib.tools.service import get_result, get_results
from tmlib.tools.tiles import labeled_tile
from tmserver.access import ExperimentAccess
from tmserver.http.conditional import unless_known
from tmserver.http.routing import Routes
from tmserver.http.schemas import IdText, Index, Schema, Text
from tmserver.scopes import EXPERIMENT

routes = Routes("tile", scope=EXPERIMENT)

TileFormat = Literal["png16", ImageFormat]

_MEDIA_TYPES: dict[TileFormat, str] = {
    "png16": "image/png",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
}

_Intensity = Annotated[int, Field(ge=0, le=2**16)]


class TileQuery(Schema):
    """Column, row and zoom level of a tile of 256 x 256 pixels; level 0 is the outermost."""

    x: Index
    y: Index
    z: Annotated[int, Field(ge=0, le=40)]


class LabeledTileQuery(TileQuery):
    """Which tile, and whose labels: the result of a tool, by its id or its name."""

    result_id: IdText | None = None
    result_name: Text | None = None


class ChannelTileQuery(TileQuery):
    """Which tile, and how it looks: the intensities that become black and white, the format.

    ``png16`` has all intensities as they are, with 16 bits for each pixel; other formats have 8.
    ``version`` is the version of the layer: a tile that is asked for by it can be kept for good.
    """

    minimum: _Intensity | None = Field(default=None, alias="min")
    maximum: _Intensity | None = Field(default=None, alias="max")
    image_format: TileFormat = Field(default="jpeg", alias="format")
    version: Annotated[Text | None, Field(examples=["0123456789abcdef-0-4095-1"])] = None


@routes.get(
    "/channel_layers/<channel_layer_id>/tiles",
    "/channel_layer/<channel_layer_id>/tiles",
    permits="read",
    media=("image/jpeg", "image/png", "image/webp"),
    success=(200, 304),
)
def get_channel_layer_tile(
    access: ExperimentAccess, channel_layer_id: int, query: ChannelTileQuery
) -> Response:
    """Get a gray image of a part of a channel; black where nothing was imaged."""
    if query.image_format == "png16" and (query.minimum, query.maximum) != (None, None):
        raise BadInput('"png16" has the intensities as they are: leave "min" and "max" out.')
    layers = access.services.shown_layers
    layer = layers.find(access.experiment_id, channel_layer_id, query.version)
    if request.if_none_match.contains_weak(_tag(layer, query)):
        return _kept(Response(status=304), layer, query)
    pixels = _read(access, layer, query)
    if pixels is None:
        # the layer may have been replaced, or is being made again
        layer = layers.find_again(access.experiment_id, channel_layer_id, query.version)
        mosaic = _mosaic(access, layer)
        was_complete = is_complete(mosaic)
        pixels = _read(access, layer, query)
        # asked before, as it may have been completed since; and after, as it may have been emptied
        if pixels is None and not (was_complete and is_complete(mosaic)):
            return Response(_encode(None, layer, query), mimetype=_MEDIA_TYPES[query.image_format])
    response = Response(_encode(pixels, layer, query), mimetype=_MEDIA_TYPES[query.image_format])
    return _kept(response, layer, query)


def _mosaic(access: ExperimentAccess, layer: ShownLayer) -> Path:
    return access.storage.mosaic(layer.channel_id, layer.tpoint, layer.zplane, layer.pixels)


def _read(access: ExperimentAccess, layer: ShownLayer, query: TileQuery) -> GrayImage | None:
    return read_tile(_mosaic(access, layer), z=query.z, y=query.y, x=query.x)


def _window(layer: ShownLayer, query: ChannelTileQuery) -> tuple[int, int]:
    """The intensities that become black and white."""
    return (
        layer.minimum if query.minimum is None else query.minimum,
        layer.maximum if query.maximum is None else query.maximum,
    )


def _encode(pixels: GrayImage | None, layer: ShownLayer, query: ChannelTileQuery) -> bytes:
    if query.image_format == "png16":
        return empty_lossless_tile() if pixels is None else lossless_tile(pixels)
    if pixels is None:
        return empty_tile(query.image_format)
    return render_tile(pixels, *_window(layer, query), query.image_format)


def _tag(layer: ShownLayer, query: ChannelTileQuery) -> str:
    """What tells a tile from others at the same place."""
    if query.image_format == "png16":
        return f"{layer.pixels}-{RENDERING}-png16"
    minimum, maximum = _window(layer, query)
    return f"{layer.pixels}-{minimum}-{maximum}-{RENDERING}-{query.image_format}"


def _kept(response: Response, layer: ShownLayer, query: ChannelTileQuery) -> Response:
    """The answer, with how long it may be kept: for good if it was asked for by its version."""
    response.set_etag(_tag(layer, query))
    response.headers["Cache-Control"] = (
        "private, max-age=31536000, immutable"
        if query.version == layer.version
        else "private, no-cache"
    )
    return response


@routes.get(
    "/segmentation_layers/<segmentation_layer_id>/tiles",
    "/segmentation_layers/<segmentation_layer_id>/tile",
    permits="read",
    media=("application/json",),
    success=(200, 304),
)
def get_segmentation_layer_tile(
    access: ExperimentAccess, segmentation_layer_id: int, query: TileQuery
) -> Response:
    """Get the objects of a part of the map as GeoJSON; y is negative downwards."""
    levels = map_levels(access)
    with access.database.session() as session:
        layer = get_segmentation_layer(session, access.experiment_id, segmentation_layer_id)
        return _send(segmentation_tile(session, layer, query.x, query.y, query.z, levels))


@routes.get(
    "/segmentation_layers/<segmentation_layer_id>/labeled_tiles",
    "/segmentation_layers/<segmentation_layer_id>/labeled_tile",
    permits="read",
    media=("application/json",),
    success=(200, 304),
)
def get_labeled_segmentation_layer_tile(
    access: ExperimentAccess, segmentation_layer_id: int, query: LabeledTileQuery
) -> Response:
    """Get the objects of a part of the map with the labels that a tool has given them."""
    levels = map_levels(access)
    with access.database.session() as session:
        layer = get_segmentation_layer(session, access.experiment_id, segmentation_layer_id)
        result = _tool_result(session, layer, query)
        place = (query.x, query.y, query.z)
        return _send(labeled_tile(session, access.storage, layer, result, *place, levels))


def map_levels(access: ExperimentAccess) -> int:
    """Number of zoom levels of an experiment's map.

    Raises
    ------
    NotFound
        If there is no map yet.
    """
    if access.experiment.map_levels is None:
        raise NotFound("The experiment has no map yet: run the workflow first.")
    return access.experiment.map_levels


def _tool_result(session: Session, layer: SegmentationLayer, query: LabeledTileQuery) -> ToolResult:
    if query.result_id is not None:
        return get_result(session, layer.experiment_id, query.result_id)
    if query.result_name is None:
        raise BadInput('Say with "result_id" or "result_name" which labels you want.')
    found = get_results(
        session,
        layer.experiment_id,
        name=query.result_name,
        mapobject_type_id=layer.mapobject_type_id,
    )
    if not found:
        raise NotFound(f'There is no tool result "{query.result_name}" of these objects.')
    return found[0]


def _send(features: dict[str, Any]) -> Response:
    response = Response(to_json(features), mimetype="application/json")
    response.headers["Cache-Control"] = "private, no-cache"
    response.add_etag()
    return unless_known(response)
