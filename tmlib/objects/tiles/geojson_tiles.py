"""Segmentation tiles: the objects that one tile of the map shows, as GeoJSON.

Tiles have 256 x 256 pixels and are counted from the upper left corner; zoom level 0 is the
outermost. Coordinates are pixels of the map at full resolution with y *negative* downwards.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from tmlib.db.spatial import decode, in_box, order_in_box, undecoded
from tmlib.errors import BadInput
from tmlib.objects.models import MapobjectSegmentation, MapobjectType, SegmentationLayer

TILE_SIZE = 256

_Box = tuple[int, int, int, int]


def segmentation_tile(
    session: Session, layer: SegmentationLayer, x: int, y: int, z: int, map_levels: int
) -> dict[str, Any]:
    """Objects of a tile: none at low zoom levels, then centroids, then outlines.

    Every tile that an outline touches contains the whole outline; centroids are in one tile only.
    Outlines are exact at the innermost zoom level and simplified by less than a screen pixel at the
    others.

    Parameters
    ----------
    session
        For reading.
    layer
        Segmentation layer to show.
    x, y, z
        Column, row and zoom level of the tile.
    map_levels
        Number of zoom levels of the experiment's map.

    Returns
    -------
    dict
        GeoJSON feature collection; each feature has the mapobject's id as a number and the
        property ``type``. Outside the map it is empty.

    Raises
    ------
    BadInput
        If there are no such zoom level, rows or columns.
    """
    if not 0 <= z < map_levels:
        raise BadInput(f"There is no zoom level {z}: z must be between 0 and {map_levels - 1}.")
    if x < 0 or y < 0:
        raise BadInput(f"There is no tile at x={x}, y={y}: tiles are counted from 0.")
    zoomed_out = map_levels - 1 - z
    size = TILE_SIZE * 2**zoomed_out
    box = (x * size, y * size, (x + 1) * size, (y + 1) * size)
    ids: Sequence[int] = []
    geometries: list[dict[str, Any]] = []
    if z >= layer.polygon_thresh:
        ids, geometries = _polygons(session, layer, box, zoomed_out)
    elif z >= layer.centroid_thresh:
        ids, geometries = _centroids(session, layer, box)
    properties = {"type": _type_name(session, layer)} if ids else {}
    return {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "id": id_, "geometry": geometry, "properties": properties}
            for id_, geometry in zip(ids, geometries, strict=True)
        ],
    }


def simplification_tolerance(zoomed_out: int) -> float:
    """Largest distance of a simplified outline from the exact one, in map pixels.

    Far out it follows the original's square law; further in it is half a screen pixel.

    Parameters
    ----------
    zoomed_out
        Number of zoom levels away from the innermost, where nothing is simplified.
    """
    return min(zoomed_out**2 + 1, 2**zoomed_out / 2) if zoomed_out else 0


def _type_name(session: Session, layer: SegmentationLayer) -> str:
    return session.scalars(
        select(MapobjectType.name).where(MapobjectType.id == layer.mapobject_type_id)
    ).one()


def _in_tile(session: Session, layer: SegmentationLayer, box: _Box, *columns: Any) -> Select[Any]:
    found = MapobjectSegmentation
    touching = in_box(session, found.id, found.segmentation_layer_id, found.outline, layer.id, box)
    return (
        select(found.mapobject_id, *columns)
        .where(found.experiment_id == layer.experiment_id, touching)
        .order_by(order_in_box(found.mapobject_id))
    )


def _centroids(
    session: Session, layer: SegmentationLayer, box: _Box
) -> tuple[list[int], list[dict[str, Any]]]:
    x, y = MapobjectSegmentation.centroid_x, MapobjectSegmentation.centroid_y
    min_x, min_y, max_x, max_y = box
    found = session.execute(
        _in_tile(session, layer, box, x, y).where(x >= min_x, x < max_x, y >= min_y, y < max_y)
    ).all()
    return [row[0] for row in found], [
        {"type": "Point", "coordinates": [round(x, 2), 0 - round(y, 2)]} for _, x, y in found
    ]


def _polygons(
    session: Session, layer: SegmentationLayer, box: _Box, zoomed_out: int
) -> tuple[list[int], list[dict[str, Any]]]:
    outline = undecoded(MapobjectSegmentation.outline)
    found = session.execute(_in_tile(session, layer, box, outline)).all()
    outlines = decode([row[1] for row in found])
    touching = shapely.intersects(outlines, shapely.box(*box))
    ids = [row[0] for row, touches in zip(found, touching, strict=True) if touches]
    outlines = outlines[touching]
    return ids, _geojson(_simplify(outlines, simplification_tolerance(zoomed_out)))


def _simplify(outlines: NDArray[Any], tolerance: float) -> NDArray[Any]:
    """Simplify outlines so that each remains recognisable."""
    if not tolerance:
        return outlines
    return simplify(outlines, np.minimum(tolerance, np.sqrt(shapely.area(outlines)) / 10))


def simplify(outlines: NDArray[Any], tolerances: float | NDArray[np.float64]) -> NDArray[Any]:
    """Simplify outlines so that each keeps its parts and holes.

    The plain Douglas-Peucker algorithm is ten times faster than its variant that preserves
    topology, which is therefore used only for outlines that the plain one damages.
    """
    simplified = np.asarray(shapely.simplify(outlines, tolerances, preserve_topology=False))
    damaged = _structure(simplified) != _structure(outlines)
    if damaged.any():
        own = np.broadcast_to(tolerances, len(outlines))[damaged]
        simplified[damaged] = shapely.simplify(outlines[damaged], own)
    return simplified


def _structure(outlines: NDArray[Any]) -> NDArray[np.int64]:
    """A number per outline that encodes how many parts and rings it has."""
    parts, owners = parts_of(outlines)
    rings = np.bincount(
        owners, weights=1 + shapely.get_num_interior_rings(parts), minlength=len(outlines)
    )
    n_parts = np.bincount(owners, minlength=len(outlines))
    numbers: NDArray[np.int64] = (rings * 2**20 + n_parts).astype(np.int64)
    return np.where(shapely.is_empty(outlines), 0, numbers)


def parts_of(geometries: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Parts of geometries, with the index of the geometry of each.

    Geometries with a single part, as most are, are not passed to shapely, which would copy them.
    """
    is_simple = np.isin(
        shapely.get_type_id(geometries), (shapely.GeometryType.POINT, shapely.GeometryType.POLYGON)
    )
    simple = np.flatnonzero(is_simple)
    if len(simple) == len(geometries):
        return geometries, simple
    others = np.flatnonzero(~is_simple)
    parts, owners = shapely.get_parts(geometries[others], return_index=True)
    places = np.concatenate([simple, others[owners]])
    order = np.argsort(places, kind="stable")
    return np.concatenate([geometries[simple], parts])[order], places[order]


def _geojson(geometries: NDArray[Any]) -> list[dict[str, Any]]:
    """GeoJSON geometries of points, polygons and multipolygons.

    Negating y changes the orientation of rings, so they are reversed: outer rings are
    counterclockwise in GeoJSON.

    All coordinates are extracted from shapely at once and then sliced as lists, which is many times
    faster than for each geometry.
    """
    parts, part_owners = parts_of(np.asarray(shapely.reverse(geometries)))
    rings, ring_owners = _rings(parts)
    points, point_owners = shapely.get_coordinates(rings, return_index=True)
    points = np.round(points, 2) * (1, -1) + 0.0  # no negative zero
    if np.array_equal(points, np.trunc(points)):
        points = points.astype(np.int64)
    ring_points = _split(points.tolist(), point_owners, len(rings))
    part_rings = _split(ring_points, ring_owners, len(parts))
    members = _split(part_rings, part_owners, len(geometries))
    kinds = shapely.get_type_id(geometries).tolist()
    return [_GEOJSON[kind](member) for kind, member in zip(kinds, members, strict=True)]


def _rings(parts: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Rings of polygons, with the index of the polygon of each; a point counts as a ring."""
    is_point = shapely.get_type_id(parts) == shapely.GeometryType.POINT
    rings, owners = shapely.get_rings(parts, return_index=True)
    owners = np.concatenate([owners, np.flatnonzero(is_point)])
    order = np.argsort(owners, kind="stable")
    return np.concatenate([rings, parts[is_point]])[order], owners[order]


def _split(values: list[Any], owners: NDArray[np.int64], n_owners: int) -> list[list[Any]]:
    """Split a list into one list per owner; owners are ascending."""
    ends = np.searchsorted(owners, np.arange(n_owners), side="right").tolist()
    return [values[start:end] for start, end in zip([0, *ends], ends, strict=False)]


_GEOJSON = {
    int(shapely.GeometryType.POINT): lambda parts: {
        "type": "Point",
        "coordinates": parts[0][0][0],
    },
    int(shapely.GeometryType.POLYGON): lambda parts: {
        "type": "Polygon",
        "coordinates": parts[0],
    },
    int(shapely.GeometryType.MULTIPOLYGON): lambda parts: {
        "type": "MultiPolygon",
        "coordinates": parts,
    },
}
