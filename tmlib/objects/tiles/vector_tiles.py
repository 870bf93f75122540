"""Vector tiles: the objects of one tile of the map as a Mapbox Vector Tile.

Tiles have 256 x 256 pixels and are counted from the upper left corner, y downwards; zoom level 0 is
the outermost. What a level shows depends on its fullest tile: outlines of objects, their centroids
if there are too many outlines, and the number of objects per cell if there are too many centroids.
Thus every object is visible at every level, and no tile is large.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from sqlalchemy.orm import Session

from tmlib.errors import BadInput
from tmlib.objects.models import SegmentationLayer
from tmlib.objects.tiles.layer_index import (
    CELL_OF_CODE,
    CELLS,
    LayerIndex,
    latest_index,
    layer_index,
)
from tmlib.objects.tiles.outline_tiles import encode_outlines
from tmlib.objects.tiles.vector_tile_encoding import (
    EXTENT,
    POINT,
    POLYGON,
    Features,
    Ragged,
    encode_layer,
    label_tags,
    point_geometry,
    square_geometry,
    uint_values,
)
from tmlib.objects.versions import layer_version
from tmlib.storage import ExperimentStorage

TILE_SIZE = 256

FORMAT = 1
"""Incremented whenever tiles of the same objects change."""

MAX_BYTES = 500_000
"""Largest size of a tile in bytes."""

MAX_OUTLINES = 1_000
"""Most objects in a tile for which a level shows outlines, which are some pixels wide then."""

MAX_CENTROIDS = 5_000
"""Most objects in a tile for which a level shows centroids."""


class TileKind(StrEnum):
    """Content of a tile; also the name of its layer."""

    OUTLINES = "outlines"
    CENTROIDS = "centroids"
    DENSITY = "density"


_OUTLINES = TileKind.OUTLINES


class TilePlace(NamedTuple):
    """A tile of the map.

    Attributes
    ----------
    x, y
        Column and row.
    zoomed_out
        Number of zoom levels away from the innermost.
    """

    x: int
    y: int
    zoomed_out: int

    @property
    def size(self) -> int:
        """Width and height in pixels of the map."""
        return TILE_SIZE << self.zoomed_out


class VectorTile(NamedTuple):
    """An encoded tile, its content, and the version of the layer that it was made from."""

    content: bytes
    kind: TileKind
    version: str


def tile_place(x: int, y: int, z: int, map_levels: int) -> TilePlace:
    """A tile by its column, row and zoom level.

    Raises
    ------
    BadInput
        If the map has no such zoom level, or column or row are negative.
    """
    if not 0 <= z < map_levels:
        raise BadInput(f"There is no zoom level {z}: z must be between 0 and {map_levels - 1}.")
    if x < 0 or y < 0:
        raise BadInput(f"There is no tile at x={x}, y={y}: tiles are counted from 0.")
    return TilePlace(x, y, map_levels - 1 - z)


def vector_tile(
    session: Session,
    storage: ExperimentStorage,
    layer: SegmentationLayer,
    place: TilePlace,
    *,
    version: str | None = None,
    has_outlines: bool = True,
    density: Callable[[LayerIndex, TilePlace], bytes] | None = None,
) -> VectorTile:
    """Encode a tile of a layer.

    Every tile that an outline touches contains it; centroids and counts are in one tile only.

    Parameters
    ----------
    session
        For reading.
    storage
        Folders of the experiment.
    layer
        The layer.
    place
        The tile.
    version
        Current version of the layer, if it is known already.
    has_outlines
        False if objects are only ever shown as points.
    density
        Encodes density tiles instead of :func:`encode_density`.

    Returns
    -------
    VectorTile
        Features of layer ``outlines`` and ``centroids`` have the mapobject's id and the property
        ``label``; those of ``density`` are squares of one unit with the property ``count``. A
        tile without objects has no layer.
    """
    outlines = None
    if version is None:
        before = latest_index(storage, layer)
        if before and level_kind(before, place.zoomed_out, has_outlines=has_outlines) is _OUTLINES:
            # most likely they are still shown: then one query is enough
            outlines, version = encode_outlines(session, layer, place)
        else:
            version = layer_version(session, layer.id)
    index = layer_index(session, storage, layer, version)
    kind = level_kind(index, place.zoomed_out, has_outlines=has_outlines)
    if kind is _OUTLINES:
        if outlines is None:
            outlines, version = encode_outlines(session, layer, place)
        if len(outlines) <= MAX_BYTES:
            return VectorTile(outlines, kind, version)
        # a few objects with very many vertices: they are visible elsewhere, or further in
        kind = TileKind.CENTROIDS
    encode = encode_centroids if kind is TileKind.CENTROIDS else density or encode_density
    return VectorTile(encode(index, place), kind, index.version)


def shows_outlines(layer: SegmentationLayer, map_levels: int) -> bool:
    """Whether the objects of a layer are shown as outlines at any zoom level."""
    return layer.polygon_thresh < map_levels


def level_kind(index: LayerIndex, zoomed_out: int, *, has_outlines: bool = True) -> TileKind:
    """Content of all tiles of a level, unless the outlines are too large for one of them."""
    largest = index.largest_tile(zoomed_out)
    if has_outlines and largest <= MAX_OUTLINES:
        return TileKind.OUTLINES
    return TileKind.CENTROIDS if largest <= MAX_CENTROIDS else TileKind.DENSITY


def encode_centroids(index: LayerIndex, place: TilePlace) -> bytes:
    """Encode the centroids of a tile."""
    tile = index.tile(*place)
    corner = np.array([place.x, place.y]) * place.size
    points = np.stack([index.x[tile], index.y[tile]], axis=1) - corner
    units = np.floor(points * (EXTENT / place.size)).astype(np.int64)
    tags, values = label_tags(index.labels[tile])
    features = Features(
        kinds=np.full(len(points), POINT),
        geometry=point_geometry(np.clip(units, 0, EXTENT - 1)),
        tags=tags,
        ids=index.mapobject_ids[tile],
    )
    return encode_layer(TileKind.CENTROIDS, features, ["label"], values)


def encode_density(index: LayerIndex, place: TilePlace) -> bytes:
    """Encode the number of objects in each cell of a tile that has any."""
    counts = index.cell_counts(*place)
    filled = np.flatnonzero(counts)
    rows, columns = np.divmod(CELL_OF_CODE[filled], CELLS)
    numbers, positions = np.unique(counts[filled], return_inverse=True)
    tags = np.stack([np.zeros_like(positions), positions], axis=1).astype(np.uint64)
    features = Features(
        kinds=np.full(len(filled), POLYGON),
        geometry=square_geometry(np.stack([columns, rows], axis=1)),
        tags=Ragged(tags.ravel(), np.full(len(filled), 2)),
    )
    return encode_layer(TileKind.DENSITY, features, ["count"], uint_values(numbers), CELLS)
