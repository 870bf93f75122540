"""Segmentation tiles with the objects' labels from a tool result."""

from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from tmlib.objects.models import SegmentationLayer
from tmlib.objects.tiles.geojson_tiles import segmentation_tile
from tmlib.storage import ExperimentStorage
from tmlib.tools.density import check_result
from tmlib.tools.labels import texts_of
from tmlib.tools.models import ToolResult


def labeled_tile(
    session: Session,
    storage: ExperimentStorage,
    layer: SegmentationLayer,
    result: ToolResult,
    x: int,
    y: int,
    z: int,
    map_levels: int,
) -> dict[str, Any]:
    """Objects of a tile, as :func:`tmlib.objects.tiles.geojson_tiles.segmentation_tile` gives them.

    Each feature has the property ``label`` instead of the type, always as text; it is ``nan`` for
    objects without a label. Sites, which have no time point, have the labels of the first.

    Raises
    ------
    BadInput
        If the result is about other objects than the layer's, or there is no such tile.
    """
    check_result(layer, result)
    tile = segmentation_tile(session, layer, x, y, z, map_levels)
    features = tile["features"]
    if not features:
        return tile
    ids = np.array([feature["id"] for feature in features], dtype=np.int64)
    tpoints = np.full(len(ids), layer.tpoint or 0, dtype=np.int32)
    texts = texts_of(storage.root / result.path, ids, tpoints).tolist()
    for feature, text in zip(features, texts, strict=True):
        feature["properties"] = {"label": text}
    return tile
