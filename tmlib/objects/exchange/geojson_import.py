"""Importing polygons as objects: read from GeoJSON, assigned to sites, drawn as label images.

An object belongs to the site that contains its centre, and is clipped at the border of that site.
It consists of the pixels whose centres lie in its polygon.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from tmlib.errors import BadInput, TooLarge
from tmlib.images.label_images import LabelImage
from tmlib.objects.writing.recording import check_feature_names

MAX_OBJECTS = 200_000
MAX_VERTICES = 20_000_000
MAX_VERTICES_OF_OBJECT = 20_000
MAX_RINGS_OF_OBJECT = 1_000
MAX_CHECK_SECONDS = 60.0
"""Limit of the processor time for validating polygons, which can grow with the square of their
vertices and rings."""

MAX_MEASUREMENTS = 2_000
_NAMED = 5  # features that a message lists
_MAX_COVERAGE = 50  # how many times the boxes of all polygons may cover a site
_MAX_LOSS = 0.1  # of its pixels, which edges that run through their centres cost an object

Overlaps = Literal["refuse", "first"]


@dataclass(frozen=True)
class SiteArea:
    """A site, or the area of it that all cycles show: (y, x) in map pixels, and size in pixels."""

    site_id: int
    y: int
    x: int
    height: int
    width: int


@dataclass(frozen=True)
class DrawnSite:
    """Objects of a site, labelled from 1 in the order of the polygons.

    Attributes
    ----------
    area
        The site.
    labels
        (y, x), int32.
    measurements
        A row for each label, a column for each measurement; nan if one is missing.
    n_cut
        Number of objects that extend beyond the site.
    """

    area: SiteArea
    labels: LabelImage
    measurements: pd.DataFrame
    n_cut: int


@dataclass
class Polygons:
    """Polygons with their measurements, in the order of the features."""

    shapes: list[BaseGeometry] = field(default_factory=list)
    measurements: list[dict[str, float]] = field(default_factory=list)


def read_polygons(content: bytes) -> Polygons:
    """Read the polygons of a GeoJSON feature collection, or of an array of features from QuPath.

    Raises
    ------
    BadInput
        If a feature is not a valid polygon; the message has its number.
    TooLarge
        If there are too many.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"The file is no GeoJSON: {error}.") from None
    features = document.get("features") if isinstance(document, dict) else document
    if not isinstance(features, list) or not features:
        raise BadInput('The file has no "features": send a GeoJSON feature collection of polygons.')
    if len(features) > MAX_OBJECTS:
        raise TooLarge(
            f"There are {len(features)} features, but at most {MAX_OBJECTS} can be sent at once: "
            "send those of fewer sites."
        )
    found = Polygons()
    n_vertices = 0
    until = time.thread_time() + MAX_CHECK_SECONDS
    for number, feature in enumerate(features):
        shape, measured = _polygon(feature, number), _measurements(feature, number)
        if time.thread_time() > until:
            raise TooLarge(
                f"The first {number + 1} polygons alone take longer than "
                f"{MAX_CHECK_SECONDS:.0f} seconds to check: simplify their outlines, or send those "
                "of fewer sites."
            )
        n_vertices += int(shapely.get_num_coordinates(shape))
        if n_vertices > MAX_VERTICES:
            raise TooLarge(
                f"The polygons have more than {MAX_VERTICES} vertices: send those of fewer sites."
            )
        found.shapes.append(shape)
        found.measurements.append(measured)
    return found


def _polygon(feature: Any, number: int) -> BaseGeometry:
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind not in ("Polygon", "MultiPolygon"):
        raise BadInput(
            f"Feature {number} is no polygon but {kind or 'nothing'}: send polygons and "
            "multipolygons only."
        )
    try:
        shape = shapely.from_geojson(json.dumps(geometry))
        is_finite = np.isfinite(shapely.get_coordinates(shape)).all()
    except (shapely.errors.GEOSException, ValueError) as error:
        raise BadInput(f"The polygon of feature {number} cannot be read: {error}.") from None
    if shape.is_empty or not is_finite:
        raise BadInput(f"The polygon of feature {number} has no coordinates that can be used.")
    n_vertices, n_rings = int(shapely.get_num_coordinates(shape)), _n_rings(shape)
    if n_vertices > MAX_VERTICES_OF_OBJECT or n_rings > MAX_RINGS_OF_OBJECT:
        raise BadInput(
            f"The polygon of feature {number} has {n_vertices} vertices in {n_rings} rings, but at "
            f"most {MAX_VERTICES_OF_OBJECT} in {MAX_RINGS_OF_OBJECT} can be used: simplify it."
        )
    if not shape.is_valid:
        raise BadInput(
            f"The polygon of feature {number} is not valid: {shapely.is_valid_reason(shape)}."
        )
    return shape


def _n_rings(shape: BaseGeometry) -> int:
    """Number of outlines and holes of a polygon or multipolygon."""
    parts = shapely.get_parts(shape)
    return len(parts) + int(shapely.get_num_interior_rings(parts).sum())


def _measurements(feature: Mapping[str, Any], number: int) -> dict[str, float]:
    """Measurements as QuPath writes them: an object, or a list of names and values."""
    properties = feature.get("properties")
    found = properties.get("measurements") if isinstance(properties, dict) else None
    if isinstance(found, list):
        found = {one.get("name"): one.get("value") for one in found if isinstance(one, dict)}
    if found is None:
        return {}
    if not isinstance(found, dict) or len(found) > MAX_MEASUREMENTS:
        raise BadInput(
            f"The measurements of feature {number} cannot be used: send an object of at most "
            f"{MAX_MEASUREMENTS} names and numbers."
        )
    for name, value in found.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise BadInput(f'The measurement "{name}" of feature {number} is no number.')
    return {str(name): float(value) for name, value in found.items() if value is not None}


def draw_sites(
    polygons: Polygons, areas: Sequence[SiteArea], overlaps: Overlaps = "refuse"
) -> list[DrawnSite]:
    """Assign polygons to sites and draw a label image of each site that has any.

    Parameters
    ----------
    polygons
        Polygons in pixels of the map.
    areas
        Sites that objects may belong to.
    overlaps
        Shared pixels belong to the first of several polygons. With ``refuse``, no object may lose
        more than a tenth of its pixels by that.

    Raises
    ------
    BadInput
        If a polygon lies outside all sites, has no pixel or overlaps with others, or the name of a
        measurement cannot be a feature's.
    """
    shapes = np.array(polygons.shapes, dtype=object)
    site_of = _assign(shapes, areas)
    if (outside := np.flatnonzero(site_of < 0)).size:
        raise BadInput(
            f"{_listed(outside)} lies outside all sites: send coordinates in pixels of the map, y "
            'down, or with coordinates "site" of one site.'
        )
    found = []
    for number in np.unique(site_of).tolist():
        members = np.flatnonzero(site_of == number)
        area = areas[number]
        origin = np.array([area.x, area.y], np.float64)
        moved = shapely.transform(shapes[members], lambda points: points - origin)  # noqa: B023 - called at once
        frame = shapely.box(0, 0, area.width, area.height)
        measurements = pd.DataFrame(
            [polygons.measurements[member] for member in members],
            index=range(1, len(members) + 1),
            dtype=float,
        )
        check_feature_names(measurements)
        found.append(
            DrawnSite(
                area=area,
                labels=_draw(moved, members, area, overlaps),
                measurements=measurements,
                n_cut=int(np.count_nonzero(~shapely.covers(frame, moved))),
            )
        )
    return found


def shift(polygons: Polygons, area: SiteArea) -> Polygons:
    """Convert polygons from pixels of a site into pixels of the map."""
    origin = np.array([area.x, area.y], np.float64)
    moved = shapely.transform(
        np.array(polygons.shapes, dtype=object), lambda points: points + origin
    )
    return Polygons(list(moved), polygons.measurements)


def _assign(shapes: NDArray[Any], areas: Sequence[SiteArea]) -> NDArray[np.intp]:
    """Index of the site that contains the centre of each shape, -1 if there is none."""
    boxes = shapely.box(*np.array([(a.x, a.y, a.x + a.width, a.y + a.height) for a in areas]).T)
    points, sites = shapely.STRtree(boxes).query(shapely.centroid(shapes), predicate="intersects")
    site_of = np.full(len(shapes), len(areas))
    np.minimum.at(site_of, points, sites)
    return np.where(site_of < len(areas), site_of, -1)


def _draw(
    shapes: NDArray[Any], numbers: NDArray[np.intp], area: SiteArea, overlaps: Overlaps
) -> LabelImage:
    labels = np.zeros((area.height, area.width), np.int32)
    bounds = _pixel_bounds(shapes, area)
    sizes = np.prod(np.maximum(bounds[:, 2:] - bounds[:, :2], 0), axis=1)
    begin, end = _edges(shapes)[:, :, 1] - 0.5
    first, last = _rows(begin, end, area.height)
    if max(sizes.sum(), (last - first).sum()) > _MAX_COVERAGE * labels.size:
        raise BadInput(
            f"The polygons of a site cover it more than {_MAX_COVERAGE} times: send objects that "
            "lie beside each other."
        )
    lost, empty = [], []
    for label, (shape, box) in enumerate(zip(shapes, bounds.tolist(), strict=True), start=1):
        x, y, right, bottom = box
        window = labels[y:bottom, x:right]
        mask = _mask(shape, box)
        free = mask & (window == 0)
        n_pixels, n_free = np.count_nonzero(mask), np.count_nonzero(free)
        if not n_free:
            empty.append(label - 1)
        elif n_free < (1 - _MAX_LOSS) * n_pixels and overlaps == "refuse":
            lost.append(label - 1)
        window[free] = label
    if lost:
        raise BadInput(
            f"{_listed(numbers[lost])} overlaps with others: send objects that lie beside each "
            'other, or let the first one have what they share with overlaps "first".'
        )
    if empty:
        raise BadInput(f"{_listed(numbers[empty])} has no pixel of its own within its site.")
    return labels


def _pixel_bounds(shapes: NDArray[Any], area: SiteArea) -> NDArray[np.int64]:
    """Bounds (left, top, right, bottom) of the pixels of shapes, shape (n, 4)."""
    bounds = shapely.bounds(shapes)
    bounds[:, :2], bounds[:, 2:] = np.floor(bounds[:, :2]), np.ceil(bounds[:, 2:])
    return np.clip(bounds, 0, (area.width, area.height) * 2).astype(np.int64)


def _mask(shape: BaseGeometry, box: Sequence[int]) -> NDArray[np.bool_]:
    """Which pixels of a box have their centres in a polygon.

    Along each row of pixel centres, a pixel is inside if an odd number of edges lies to its left. A
    pixel whose centre lies on an edge belongs to the polygon below or to the right of the edge, so
    that polygons that share an edge share no pixel.
    """
    left, top, right, bottom = box
    height, width = bottom - top, right - left
    begin, end = _edges(shape) - (left + 0.5, top + 0.5)  # centres lie at whole numbers
    first, last = _rows(begin[:, 1], end[:, 1], height)
    n_rows = last - first
    edge = np.repeat(np.arange(len(begin)), n_rows)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(n_rows) - n_rows - first, n_rows)
    step = (end - begin)[edge]
    x = begin[edge, 0] + (row - begin[edge, 1]) * step[:, 0] / step[:, 1]
    column = np.clip(np.ceil(x), 0, width).astype(np.int64)
    crossings = np.bincount(row * (width + 1) + column, minlength=height * (width + 1))
    n_left_of_it = np.cumsum(crossings.reshape(height, width + 1), axis=1)[:, :width]
    is_inside: NDArray[np.bool_] = n_left_of_it % 2 == 1
    return is_inside


def _edges(shapes: BaseGeometry | NDArray[Any]) -> NDArray[np.float64]:
    """Start and end points of all edges of polygons, shape (2, n, 2), coordinates (x, y)."""
    rings = shapely.get_rings(shapely.get_parts(shapes))
    points, ring = shapely.get_coordinates(rings, return_index=True)
    is_edge = ring[1:] == ring[:-1]
    return np.stack([points[:-1][is_edge], points[1:][is_edge]])


def _rows(
    begin: NDArray[np.float64], end: NDArray[np.float64], height: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Range of rows of pixel centres, at integers, that each edge crosses, without the end.

    A row through the upper end of an edge counts, one through its lower end does not.
    """
    first, last = (
        np.clip(np.ceil(one), 0, height).astype(np.int64)
        for one in (np.minimum(begin, end), np.maximum(begin, end))
    )
    return first, last


def _listed(numbers: NDArray[np.intp]) -> str:
    first = ", ".join(map(str, numbers[:_NAMED].tolist()))
    rest = len(numbers) - _NAMED
    return f"Feature {first}" + (f" (and {rest} others)" if rest > 0 else "")
