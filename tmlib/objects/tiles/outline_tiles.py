"""Vector tiles of outlines: encoded by PostGIS, or from the R*Tree with shapely and NumPy.

Outlines are stored in pixels of the map, and an affine transform converts them into the units of a
tile. They are simplified by half a screen pixel, rounded to integer units, and sent with every tile
that they touch. None vanishes: outlines that become too small are replaced by points.
"""

from typing import Any, Protocol

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.orm import Session

from tmlib.db.spatial import decode
from tmlib.objects.models import SegmentationLayer
from tmlib.objects.tiles.geojson_tiles import parts_of, simplify
from tmlib.objects.tiles.outlines_in_box import outlines_in_box
from tmlib.objects.tiles.vector_tile_encoding import (
    EXTENT,
    POINT,
    POLYGON,
    Features,
    Ragged,
    encode_layer,
    join,
    label_tags,
    point_geometry,
    ring_geometry,
)
from tmlib.objects.versions import layer_version, version_of

LAYER_NAME = "outlines"
TOLERANCE = 2
"""Largest distance of a simplified outline from the exact one, in units."""

MARGIN = 64
"""Margin around the tile at which outlines with very many vertices are clipped, in units."""

MANY_VERTICES = 1_000

# These forms of the functions are implemented in C; PostGIS implements others as queries that are
# planned with this one. CASE keeps the planner from using the index three times.
_POSTGIS = text("""
    SELECT
        ST_AsMVT(tile, :name, :extent, 'geometry', 'id'),
        (SELECT sum(stamp) FROM segmentation_changes WHERE segmentation_layer_id = :layer_id)
    FROM (
        SELECT
            id,
            label,
            CASE
                WHEN ST_IsEmpty(drawn) THEN ST_SnapToGrid(centroid, 0, 0, 1, 1)
                ELSE drawn
            END AS geometry
        FROM (
            SELECT
                mapobject_id AS id,
                label,
                ST_Affine(
                    ST_Point(centroid_x, centroid_y),
                    :scale, 0, 0, 0, :scale, 0, 0, 0, 1, :left, :top, 0
                ) AS centroid,
                COALESCE(
                    ST_SnapToGrid(
                        ST_Reverse(
                            ST_ForcePolygonCW(
                                ST_Simplify(
                                    ST_Affine(
                                        CASE
                                            WHEN ST_NPoints(outline) > :many
                                            THEN ST_ClipByBox2D(outline, ST_Expand(box, :margin))
                                            ELSE outline
                                        END,
                                        :scale, 0, 0, 0, :scale, 0, 0, 0, 1, :left, :top, 0
                                    ),
                                    :tolerance,
                                    true
                                )
                            )
                        ),
                        0, 0, 1, 1
                    ),
                    'POLYGON EMPTY'
                ) AS drawn
            FROM
                mapobject_segmentations,
                CAST(ST_MakeEnvelope(:min_x, :min_y, :max_x, :max_y, 0) AS geometry) AS box
            WHERE experiment_id = :experiment_id
                AND segmentation_layer_id = :layer_id
                AND outline && ST_MakeEnvelope(:min_x, :min_y, :max_x, :max_y, 0)
                AND CASE WHEN outline @ box THEN true ELSE ST_Intersects(outline, box) END
            ORDER BY mapobject_id
        ) AS found
    ) AS tile
""")


class Square(Protocol):
    """A tile of the map: its column, its row, and its size in pixels of the map."""

    @property
    def x(self) -> int:
        """Column."""

    @property
    def y(self) -> int:
        """Row."""

    @property
    def size(self) -> int:
        """Width and height in pixels of the map."""


def encode_outlines(session: Session, layer: SegmentationLayer, place: Square) -> tuple[bytes, str]:
    """Encode the outlines that touch a tile; returns also the version of the layer."""
    if session.get_bind().dialect.name == "postgresql":
        return _encode_in_database(session, layer, place)
    version = layer_version(session, layer.id)
    return _encode_here(session, layer, place), version


def _box(place: Square) -> tuple[int, int, int, int]:
    left, top = place.x * place.size, place.y * place.size
    return left, top, left + place.size, top + place.size


def _encode_in_database(
    session: Session, layer: SegmentationLayer, place: Square
) -> tuple[bytes, str]:
    min_x, min_y, max_x, max_y = _box(place)
    scale = EXTENT / place.size
    values = {
        "name": LAYER_NAME,
        "extent": EXTENT,
        "many": MANY_VERTICES,
        "margin": MARGIN / scale,
        "tolerance": TOLERANCE if scale < EXTENT / 256 else 0,
        "scale": scale,
        "left": -min_x * scale,
        "top": -min_y * scale,
        "min_x": min_x,
        "min_y": min_y,
        "max_x": max_x,
        "max_y": max_y,
        "experiment_id": layer.experiment_id,
        "layer_id": layer.id,
    }
    content, stamps = session.execute(_POSTGIS, values).one()
    return bytes(content), version_of(stamps)


def _encode_here(session: Session, layer: SegmentationLayer, place: Square) -> bytes:
    box = _box(place)
    rows = outlines_in_box(session, layer, box)
    if not rows:
        return b""
    ids, labels, x, y, geometries = zip(*rows, strict=True)
    outlines = decode(geometries)
    tile = shapely.box(*box)
    shapely.prepare(tile)
    chosen = np.asarray(shapely.intersects(tile, outlines))
    numbers = np.array([-1 if label is None else label for label in labels])[chosen]
    tags, values = label_tags(numbers)
    centroids = np.stack([x, y], axis=1)[chosen]
    kinds, geometry = _draw(outlines[chosen], centroids, place)
    features = Features(kinds, geometry, tags, np.array(ids)[chosen])
    return encode_layer(LAYER_NAME, features, ["label"], values)


def _draw(
    outlines: NDArray[Any], centroids: NDArray[np.float64], place: Square
) -> tuple[NDArray[np.int64], Ragged]:
    """Geometry types of all objects, and the commands that draw them."""
    scale = EXTENT / place.size
    corner = np.array([place.x, place.y], np.float64) * EXTENT
    many = shapely.get_num_coordinates(outlines) > MANY_VERTICES
    if many.any():
        around = shapely.box(*_box(place)).buffer(MARGIN / scale).bounds
        outlines[many] = shapely.clip_by_rect(outlines[many], *around)
    if scale < EXTENT / 256:
        outlines = simplify(outlines, TOLERANCE / scale)
    points, rings, owners = _rings(outlines, scale, corner)
    is_drawn = np.bincount(owners, minlength=len(outlines)) > 0
    dots = point_geometry(np.rint(centroids[~is_drawn] * scale - corner).astype(np.int64))
    geometry = join(
        [
            ring_geometry(points, rings, owners, len(outlines)),
            Ragged(dots.numbers, np.where(is_drawn, 0, 3)),
        ]
    )
    return np.where(is_drawn, POLYGON, POINT), geometry


def _rings(
    outlines: NDArray[Any], scale: float, corner: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Vertices in integer units of all remaining rings, as `ring_geometry` expects them."""
    parts, part_owners = parts_of(outlines)
    rings, ring_parts = shapely.get_rings(parts, return_index=True)
    coordinates, owners = shapely.get_coordinates(rings, return_index=True)
    points = np.rint(coordinates * scale - corner).astype(np.int64)
    is_first = np.diff(owners, prepend=-1) > 0
    is_new = is_first | (np.diff(points, axis=0, prepend=0) != 0).any(axis=1)
    points, owners = points[is_new], owners[is_new]
    # the last vertex of a ring is its first one
    is_last = np.diff(owners, append=-1) != 0
    points, owners = points[~is_last], owners[~is_last]
    is_ring = np.bincount(owners, minlength=len(rings)) >= 3
    is_shell = np.diff(ring_parts, prepend=-1) > 0
    has_shell = np.bincount(ring_parts[is_shell & is_ring], minlength=len(parts))[ring_parts] > 0
    kept = is_ring & has_shell
    is_kept = kept[owners]
    numbers = (np.cumsum(kept) - 1)[owners[is_kept]]
    points = _oriented(points[is_kept], numbers, is_shell[kept])
    return points, numbers, part_owners[ring_parts[kept]]


def _oriented(
    points: NDArray[np.int64], rings: NDArray[np.int64], is_shell: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Orient rings: outer ones clockwise on the screen, those of holes counterclockwise."""
    lengths = np.bincount(rings, minlength=len(is_shell))
    starts = np.cumsum(lengths) - lengths
    following = np.arange(1, len(points) + 1)
    following[starts + lengths - 1] = starts
    x, y = points.T
    areas = np.bincount(rings, x * y[following] - x[following] * y, len(is_shell))
    is_wrong = np.where(is_shell, areas < 0, areas > 0)
    if not is_wrong.any():
        return points
    own = np.arange(len(points))
    mirrored = (2 * starts + lengths - 1)[rings] - own
    return points[np.where(is_wrong[rings], mirrored, own)]
