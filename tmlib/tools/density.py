"""Density tiles of a tool result: numbers of objects in each cell, by label."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tmlib.errors import BadInput
from tmlib.objects.models import SegmentationLayer
from tmlib.objects.tiles.layer_index import CELLS, LayerIndex
from tmlib.objects.tiles.vector_tile_encoding import (
    POLYGON,
    Features,
    Ragged,
    double_values,
    encode_layer,
    square_geometry,
    uint_values,
)
from tmlib.objects.tiles.vector_tiles import MAX_BYTES, TileKind, TilePlace
from tmlib.storage import ExperimentStorage
from tmlib.tools import labels
from tmlib.tools.models import ToolResult

_KEPT = 8  # number of results whose labels a process caches in the order of tiles


@dataclass(frozen=True)
class IndexedLabels:
    """Labels of the n objects of a layer index, in its order.

    Attributes
    ----------
    values
        Shape (n,): positions in `texts`, or numbers with NaN where an object has none.
    texts
        Names of the classes, the last for objects without one; None if the labels are numbers.
    """

    values: NDArray[Any]
    texts: tuple[str, ...] | None


def check_result(layer: SegmentationLayer, result: ToolResult) -> None:
    """Check that a result is about the objects of a layer.

    Raises
    ------
    BadInput
        If it is not.
    """
    if result.mapobject_type_id != layer.mapobject_type_id:
        raise BadInput(
            f'The result "{result.name}" is about objects of another type than this layer shows.'
        )


def encode_labeled_density(
    index: LayerIndex,
    storage: ExperimentStorage,
    layer: SegmentationLayer,
    result: ToolResult,
    place: TilePlace,
) -> bytes:
    """Encode the number of objects in each cell of a tile, with their labels.

    Squares have the property ``count``. Where labels are classes, ``label:1`` is the number of
    objects of class 1, and so on; where they are numbers, ``mean`` is their mean, and ``missing``
    the number of objects that have none.
    """
    found = _index_labels(storage.root / result.path, index, layer.tpoint or 0)
    tile = index.tile(*place)
    cells = index.cells(tile, place.zoomed_out)
    n_cells = CELLS
    encode = _encode_numbers if found.texts is None else _encode_classes
    # with very many classes, larger cells
    while len(content := encode(cells, n_cells, found, tile)) > MAX_BYTES:
        rows, columns = np.divmod(cells, n_cells)
        n_cells //= 2
        cells = rows // 2 * n_cells + columns // 2
    return content


@lru_cache(_KEPT)
def _index_labels(path: Path, index: LayerIndex, tpoint: int) -> IndexedLabels:
    table = labels.read(path)
    table = table.filter(pc.equal(table["tpoint"], tpoint)).combine_chunks()
    ids = table["mapobject_id"].to_numpy()
    places = np.minimum(np.searchsorted(ids, index.mapobject_ids), max(len(ids) - 1, 0))
    is_known = ids[places] == index.mapobject_ids if len(ids) else np.zeros(len(places), np.bool_)
    column = table["label"]
    if not pa.types.is_dictionary(column.type):
        values = np.full(len(places), np.nan)
        values[is_known] = column.to_numpy()[places[is_known]]
        return IndexedLabels(values, None)
    column = column.unify_dictionaries().combine_chunks()
    texts = (*column.dictionary.to_pylist(), labels.MISSING) if len(ids) else (labels.MISSING,)
    codes = np.full(len(places), len(texts) - 1, np.int64)
    codes[is_known] = column.indices.to_numpy()[places[is_known]]
    return IndexedLabels(codes, texts)


def _encode_classes(
    cells: NDArray[np.int64], n_cells: int, found: IndexedLabels, tile: slice
) -> bytes:
    texts = found.texts or ()
    counts = np.bincount(
        cells * len(texts) + found.values[tile], minlength=n_cells**2 * len(texts)
    ).reshape(-1, len(texts))
    filled = np.flatnonzero(counts.any(axis=1))
    table = np.concatenate([counts.sum(axis=1, keepdims=True), counts], axis=1)[filled]
    rows, columns = np.nonzero(table)
    numbers, positions = np.unique(table[rows, columns], return_inverse=True)
    tags = Ragged(
        np.stack([columns, positions], axis=1).astype(np.uint64).ravel(),
        2 * np.count_nonzero(table, axis=1),
    )
    keys = ["count", *(f"label:{text}" for text in texts)]
    return _encode(filled, n_cells, tags, keys, uint_values(numbers))


def _encode_numbers(
    cells: NDArray[np.int64], n_cells: int, found: IndexedLabels, tile: slice
) -> bytes:
    values = found.values[tile]
    is_known = ~np.isnan(values)
    size = n_cells**2
    all_counts = np.bincount(cells, minlength=size)
    filled = np.flatnonzero(all_counts)
    counts = all_counts[filled]
    n_known = np.bincount(cells[is_known], minlength=size)[filled]
    sums = np.bincount(cells[is_known], values[is_known], size)[filled]
    whole = np.stack([counts, counts - n_known], axis=1)
    numbers, positions = np.unique(whole, return_inverse=True)
    table = np.zeros((len(filled), 6), np.uint64)
    table[:, 1], table[:, 3] = positions.reshape(-1, 2).T
    table[:, 2] = 1
    table[:, 4], table[:, 5] = 2, len(numbers) + np.arange(len(filled))
    is_there = np.ones(table.shape, np.bool_)
    is_there[n_known == 0, 4:] = False
    tags = Ragged(table[is_there], is_there.sum(axis=1))
    means = double_values(sums / np.maximum(n_known, 1))
    keys = ["count", "missing", "mean"]
    return _encode(filled, n_cells, tags, keys, uint_values(numbers) + means)


def _encode(
    filled: NDArray[np.int64], n_cells: int, tags: Ragged, keys: list[str], values: bytes
) -> bytes:
    corners = np.stack(np.divmod(filled, n_cells)[::-1], axis=1)
    features = Features(np.full(len(filled), POLYGON), square_geometry(corners), tags)
    return encode_layer(TileKind.DENSITY, features, keys, values, n_cells)
