"""Vector tiles: the objects of a segmentation layer at every zoom level, and what there are."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from flask import Response, request
from numpy.typing import NDArray
from pydantic import Field

from tmlib.experiments.sharing import ExperimentRow
from tmlib.ids import encode_id
from tmlib.objects.models import MapobjectType, SegmentationLayer
from tmlib.objects.service import get_segmentation_layer
from tmlib.objects.table.value_streams import ValueFormat, plain_form
from tmlib.objects.tiles.layer_index import LayerIndex, layer_index
from tmlib.objects.tiles.vector_tiles import (
    FORMAT,
    TileKind,
    TilePlace,
    level_kind,
    shows_outlines,
    tile_place,
    vector_tile,
)
from tmlib.objects.versions import layer_version
from tmlib.tools.density import check_result, encode_labeled_density
from tmlib.tools.models import ToolResult
from tmlib.tools.service import get_result
from tmserver.access import ExperimentAccess
from tmserver.api.tiles import TileQuery, map_levels
from tmserver.http.compression import compressed_response
from tmserver.http.routing import Routes
from tmserver.http.schemas import Bare, IdText, Schema, Text
from tmserver.scopes import EXPERIMENT

routes = Routes("vector_tile", scope=EXPERIMENT)

_LAYER = "/segmentation_layers/<segmentation_layer_id>"
_MEDIA_TYPE = "application/vnd.mapbox-vector-tile"
_TEMPLATE = (
    "https://tmserver.lab.example/api/experiments/MQ==/segmentation_layers/MQ=="
    "/vector_tiles?x={x}&y={y}&z={z}&version=0123456789-12-1-1"
)
_FIELDS = {
    TileKind.OUTLINES: {"label": "Number"},
    TileKind.CENTROIDS: {"label": "Number"},
    TileKind.DENSITY: {"count": "Number"},
}


_Version = Annotated[Text | None, Field(examples=["0123456789-12-1-1"])]


class CentroidQuery(Schema):
    """The version of the layer, for which the answer can be kept for good."""

    version: _Version = None


class VectorTileQuery(TileQuery):
    """Which tile; with ``result_id`` density tiles also tell of the labels of a tool result.

    ``version`` is the version of the layer: a tile that is asked for by it can be kept for good.
    """

    version: _Version = None
    result_id: IdText | None = None


class VectorLayer(Schema):
    """A layer that tiles of some zoom levels have, and the properties of its features."""

    id: Literal["outlines", "centroids", "density"]
    fields: Annotated[dict[str, str], Field(examples=[{"label": "Number"}])]
    minzoom: Annotated[int, Field(examples=[0])]
    maxzoom: Annotated[int, Field(examples=[11])]


class Level(Schema):
    """What the tiles of a zoom level show.

    ``largest_cell`` is the number of objects in the fullest cell of 4 x 4 pixels of the screen.
    """

    zoom: Annotated[int, Field(examples=[0])]
    kind: Literal["outlines", "centroids", "density"]
    largest_cell: Annotated[int, Field(examples=[17])]


class TileJson(Bare):
    """The tiles of a layer in the form of TileJSON 3.0, and more about each level.

    Coordinates are those of the experiment's map, not of the earth. ``layer_version`` changes
    whenever the objects of the layer do; the addresses of its tiles have it in them.
    """

    tilejson: Annotated[str, Field(examples=["3.0.0"])] = "3.0.0"
    name: Annotated[str, Field(examples=["Cells"])]
    scheme: Literal["xyz"] = "xyz"
    tiles: Annotated[list[str], Field(examples=[[_TEMPLATE]])]
    minzoom: Annotated[int, Field(examples=[0])]
    maxzoom: Annotated[int, Field(examples=[11])]
    vector_layers: list[VectorLayer]
    layer_version: Annotated[str, Field(examples=["0123456789-12-1-1"])]
    n_objects: Annotated[int, Field(examples=[1_000_000])]
    levels: list[Level]


@routes.get(f"{_LAYER}/vector_tiles", permits="read", media=(_MEDIA_TYPE,), success=(200, 304))
def get_vector_tile(
    access: ExperimentAccess, segmentation_layer_id: int, query: VectorTileQuery
) -> Response:
    """Get the objects of a part of the map as a Mapbox Vector Tile.

    Near, the tile has outlines; further out centroids; beyond that squares with the number of
    objects in them. The name of its layer tells which; coordinates are those of the tile.
    """
    levels = map_levels(access)
    place = tile_place(query.x, query.y, query.z, levels)
    response = Response(mimetype=_MEDIA_TYPE)
    with access.database.session() as session:
        layer = get_segmentation_layer(session, access.experiment_id, segmentation_layer_id)
        result = None
        if query.result_id is not None:
            result = get_result(session, access.experiment_id, query.result_id)
        about = "" if result is None else f"-{result.id}"
        # asked for by itself only if no tile may be needed
        version = layer_version(session, layer.id) if request.if_none_match else None
        if version and request.if_none_match.contains_weak(_tag(version, layer, levels) + about):
            response.status_code = 304
        else:
            tile = vector_tile(
                session,
                access.storage,
                layer,
                place,
                version=version,
                has_outlines=shows_outlines(layer, levels),
                density=None if result is None else _density(access, layer, result),
            )
            response.data, version = tile.content, tile.version
    _kept(response, _tag(version, layer, levels), query.version)
    response.set_etag(_tag(version, layer, levels) + about)
    return response


def _density(
    access: ExperimentAccess, layer: SegmentationLayer, result: ToolResult
) -> Callable[[LayerIndex, TilePlace], bytes]:
    """Encodes density tiles with the labels of a result, which must be about the same objects."""
    check_result(layer, result)
    return lambda index, place: encode_labeled_density(index, access.storage, layer, result, place)


def _tag(version: str, layer: SegmentationLayer, levels: int) -> str:
    """What tells a tile from others at the same place: objects, levels, how they are shown."""
    return f"{version}-{levels}-{int(shows_outlines(layer, levels))}-{FORMAT}"


@routes.get(
    f"{_LAYER}/centroids",
    permits="read",
    media=(ValueFormat.BINARY.media_type,),
    success=(200, 304),
)
def get_centroids(
    access: ExperimentAccess, segmentation_layer_id: int, query: CentroidQuery
) -> Response:
    """Get where all objects of a layer lie: ids, x and y in pixels of the map, y downwards.

    They come as typed arrays, in the plain form in which browsers get values.
    """
    levels = map_levels(access)
    with access.database.session() as session:
        layer = get_segmentation_layer(session, access.experiment_id, segmentation_layer_id)
        version = layer_version(session, layer.id)
        if request.if_none_match.contains_weak(_tag(version, layer, levels)):
            response = Response(status=304)
        else:
            index = layer_index(session, access.storage, layer, version)
            version = index.version
            columns: dict[str, NDArray[Any]] = {
                "mapobject_id": index.mapobject_ids.astype("<f8"),
                "x": index.x,
                "y": index.y,
            }
            media_type = ValueFormat.BINARY.media_type
            response = compressed_response(plain_form(version, columns), media_type)
    response.vary.add("Accept-Encoding")
    return _kept(response, _tag(version, layer, levels), query.version)


def _kept(response: Response, tag: str, asked: str | None) -> Response:
    """The answer, with how long it may be kept: for good if it was asked for by its version."""
    response.set_etag(tag)
    response.headers["Cache-Control"] = (
        "private, max-age=31536000, immutable" if asked == tag else "private, no-cache"
    )
    return response


@routes.get(f"{_LAYER}/tilejson", permits="read")
def get_tilejson(access: ExperimentAccess, segmentation_layer_id: int) -> TileJson:
    """Get what the vector tiles of a layer show at each zoom level, and where they are."""
    levels = map_levels(access)
    with access.database.session() as session:
        layer = get_segmentation_layer(session, access.experiment_id, segmentation_layer_id)
        version = layer_version(session, layer.id)
        tag = _tag(version, layer, levels)
        index = layer_index(session, access.storage, layer, version)
        name = session.get_one(MapobjectType, layer.mapobject_type_id).name
    described = _levels(index, levels, has_outlines=shows_outlines(layer, levels))
    return TileJson(
        name=name,
        tiles=[_address(access.experiment, layer, tag)],
        minzoom=0,
        maxzoom=levels - 1,
        vector_layers=_vector_layers(described),
        layer_version=tag,
        n_objects=len(index.codes),
        levels=described,
    )


def _levels(index: LayerIndex, n_levels: int, *, has_outlines: bool) -> list[Level]:
    return [
        Level(
            zoom=n_levels - 1 - zoomed_out,
            kind=level_kind(index, zoomed_out, has_outlines=has_outlines).value,
            largest_cell=index.largest_cell(zoomed_out),
        )
        for zoomed_out in range(n_levels - 1, -1, -1)
    ]


def _vector_layers(levels: list[Level]) -> list[VectorLayer]:
    found = []
    for kind, fields in _FIELDS.items():
        zooms = [level.zoom for level in levels if level.kind == kind]
        if zooms:
            found.append(
                VectorLayer(id=kind.value, fields=fields, minzoom=min(zooms), maxzoom=max(zooms))
            )
    return found


def _address(experiment: ExperimentRow, layer: SegmentationLayer, version: str) -> str:
    path = f"api/experiments/{encode_id(experiment.id)}/segmentation_layers/{encode_id(layer.id)}"
    return f"{request.url_root}{path}/vector_tiles?x={{x}}&y={{y}}&z={{z}}&version={version}"
