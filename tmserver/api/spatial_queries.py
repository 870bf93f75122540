"""Which objects are at a point, in a region, or nearest to a point."""

import re
from typing import Annotated

import shapely
from pydantic import AfterValidator, Field
from sqlalchemy.orm import Session

from tmlib.errors import BadInput
from tmlib.ids import encode_id
from tmlib.objects.models import SegmentationLayer
from tmlib.objects.service import get_segmentation_layer
from tmlib.objects.tiles import spatial_queries
from tmlib.objects.tiles.spatial_queries import FoundObject
from tmserver.access import ExperimentAccess
from tmserver.http.routing import Routes
from tmserver.http.schemas import IdText, Schema, Text
from tmserver.scopes import EXPERIMENT

routes = Routes("spatial_query", scope=EXPERIMENT)

_OBJECTS = "/segmentation_layers/<segmentation_layer_id>/mapobjects"
_MAX_AT_POINT = 100
_MAX_PAGE = 10_000
_CORNER = re.compile(r"-?[0-9]{1,10}(\.[0-9]{1,10})?,-?[0-9]{1,10}(\.[0-9]{1,10})?")

Coordinate = Annotated[float, Field(ge=-(2**31), le=2**31, allow_inf_nan=False)]


def _check_corners(text: str) -> str:
    if not all(_CORNER.fullmatch(corner) for corner in text.split()):
        raise ValueError("corners are written as x,y with spaces between them")
    return text


class PointQuery(Schema):
    """A point of the map, in pixels, y downwards."""

    x: Annotated[Coordinate, Field(examples=[1520.5])]
    y: Annotated[Coordinate, Field(examples=[830.25])]


class NearestQuery(PointQuery):
    """How many objects are asked for, and how far away they may be, in pixels."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 10
    max_distance: Annotated[Coordinate | None, Field(ge=0, examples=[200])] = None


class RegionQuery(Schema):
    """A region of the map: a rectangle, or what a line around its corners encloses.

    ``polygon`` lists the corners as ``x,y`` with spaces between them, 300 at most.
    """

    min_x: Annotated[Coordinate | None, Field(examples=[1000])] = None
    min_y: Annotated[Coordinate | None, Field(examples=[500])] = None
    max_x: Annotated[Coordinate | None, Field(examples=[3000])] = None
    max_y: Annotated[Coordinate | None, Field(examples=[2000])] = None
    polygon: Annotated[
        Annotated[Text, AfterValidator(_check_corners)] | None, Field(examples=[None])
    ] = None


class RegionPageQuery(RegionQuery):
    """Which part of the objects of a region; ``cursor`` of a page gives the one that follows."""

    limit: Annotated[int, Field(ge=1, le=_MAX_PAGE)] = 1000
    cursor: Annotated[IdText | None, Field(examples=[None])] = None


class SpatialObject(Schema):
    """An object of the layer: its centroid, and the box around its outline, in pixels of the map.

    The id is a plain number, as in tiles and tables.
    """

    id: int
    label: int | None
    x: Annotated[float, Field(examples=[1521.3])]
    y: Annotated[float, Field(examples=[828.9])]
    box: Annotated[list[float], Field(examples=[[1490, 801, 1552, 858]])]


class NearObject(SpatialObject):
    """An object and how far its outline is from the point; 0 if the point is inside."""

    distance: Annotated[float, Field(examples=[0])]


class ObjectPage(Schema):
    """Objects in the order of their ids; ``cursor`` is null on the last page."""

    objects: list[SpatialObject]
    cursor: Annotated[str | None, Field(examples=["MTA0Mg=="])]


class ObjectCount(Schema):
    """How many objects there are."""

    count: Annotated[int, Field(examples=[1042])]


@routes.get(f"{_OBJECTS}/at", permits="read")
def get_mapobjects_at(
    access: ExperimentAccess, segmentation_layer_id: int, query: PointQuery
) -> list[SpatialObject]:
    """Get the objects whose outlines cover a point."""
    with access.database.session() as session:
        layer = _layer(session, access, segmentation_layer_id)
        found = spatial_queries.objects_at(session, layer, query.x, query.y, _MAX_AT_POINT)
    return [SpatialObject.model_validate(one) for one in found]


@routes.get(f"{_OBJECTS}/nearest", permits="read")
def get_nearest_mapobjects(
    access: ExperimentAccess, segmentation_layer_id: int, query: NearestQuery
) -> list[NearObject]:
    """Get the objects whose outlines are nearest to a point, the nearest first."""
    with access.database.session() as session:
        layer = _layer(session, access, segmentation_layer_id)
        found = spatial_queries.nearest_objects(
            session, layer, query.x, query.y, query.limit, query.max_distance
        )
    return [NearObject.model_validate(one) for one in found]


@routes.get(f"{_OBJECTS}/within", permits="read")
def get_mapobjects_within(
    access: ExperimentAccess, segmentation_layer_id: int, query: RegionPageQuery
) -> ObjectPage:
    """Get the objects whose outlines touch a region, page by page."""
    region = _region(query)
    with access.database.session() as session:
        layer = _layer(session, access, segmentation_layer_id)
        # one more tells whether another page follows
        found = spatial_queries.objects_in(
            session, layer, region, query.limit + 1, query.cursor or 0
        )
    shown = found[: query.limit]
    return ObjectPage(
        objects=[SpatialObject.model_validate(one) for one in shown],
        cursor=_cursor(shown) if len(found) > query.limit else None,
    )


@routes.get(f"{_OBJECTS}/count", permits="read")
def count_mapobjects_within(
    access: ExperimentAccess, segmentation_layer_id: int, query: RegionQuery
) -> ObjectCount:
    """Count the objects whose outlines touch a region."""
    region = _region(query)
    with access.database.session() as session:
        layer = _layer(session, access, segmentation_layer_id)
        return ObjectCount(count=spatial_queries.count_in(session, layer, region))


def _cursor(shown: list[FoundObject]) -> str:
    return encode_id(shown[-1].id)


def _layer(
    session: Session, access: ExperimentAccess, segmentation_layer_id: int
) -> SegmentationLayer:
    return get_segmentation_layer(session, access.experiment_id, segmentation_layer_id)


def _region(query: RegionQuery) -> shapely.Polygon:
    sides = (query.min_x, query.min_y, query.max_x, query.max_y)
    if (query.polygon is None) == all(side is None for side in sides):
        raise BadInput(
            'Say either with "min_x", "min_y", "max_x" and "max_y", or with "polygon", '
            "which region you mean."
        )
    if query.polygon is not None:
        corners = [corner.split(",") for corner in query.polygon.split()]
        return spatial_queries.region_of([(float(x), float(y)) for x, y in corners])
    min_x, min_y, max_x, max_y = sides
    if min_x is None or min_y is None or max_x is None or max_y is None:
        raise BadInput('A rectangle has "min_x", "min_y", "max_x" and "max_y": send all of them.')
    if min_x >= max_x or min_y >= max_y:
        raise BadInput('The rectangle is empty: "min_x" and "min_y" must be the smaller ones.')
    return shapely.box(min_x, min_y, max_x, max_y)
