"""Maps on a grid: for each plate and feature, the mean of the objects in each well.

A map has a number that tells its feature, and the place of its plate among those of the experiment,
whether they have maps or not: so it stays the same when images of an older plate arrive.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BigInteger, cast, exists, func, select
from sqlalchemy.orm import Session

from tmlib.db import Database
from tmlib.errors import Busy, Conflict, NotFound
from tmlib.experiments.models import Acquisition, Experiment, Plate, Site, Well
from tmlib.experiments.plate_formats import PLATE_FORMATS
from tmlib.facility import pages
from tmlib.facility.pages import Page, Query, Window
from tmlib.facility.visibility import Viewer, in_shown_experiments
from tmlib.images.layout import well_position
from tmlib.objects.models import Feature, MapobjectType
from tmlib.objects.table.bins import count_in_bins
from tmlib.objects.table.column_cache import ColumnCache
from tmlib.objects.table.object_table import ObjectTable, open_table
from tmlib.storage import ExperimentStorage

Grid = NDArray[np.float64]

COLOURS = "viridis"
"""Name of the colours, from the least to the largest value."""

_MOST_PLATES = 256
_LARGEST_FEATURE = 2**31 // _MOST_PLATES - 1
_N_BINS = 50

# at equal distances along the scale
_ANCHORS = np.array([(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)])

_PLATES = select(
    Plate.id,
    Plate.name,
    Plate.experiment_id,
    (func.row_number().over(partition_by=Plate.experiment_id, order_by=Plate.id) - 1).label(
        "place"
    ),
).subquery()


class Region(NamedTuple):
    """What a map shows: a feature of objects of a type."""

    id: int
    objects: str
    feature: str


class GridMap(NamedTuple):
    """A map; ``collection_id`` is the first data collection of the plate."""

    id: int
    region: Region
    type_id: int
    key: str
    plate_id: int
    plate: str
    experiment_id: int
    plate_format: int
    collection_id: int | None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return PLATE_FORMATS[self.plate_format]


class MapFilter(NamedTuple):
    """Which maps are asked for; what is None does not matter."""

    map_id: int | None = None
    collection_id: int | None = None
    group_id: int | None = None
    sample_id: int | None = None
    subsample_id: int | None = None


def list_regions(
    session: Session,
    viewer: Viewer,
    window: Window,
    *,
    region_id: int | None = None,
    sample_id: int | None = None,
) -> Page[Region]:
    """Features of the experiments that somebody sees, or of that of a sample."""
    query = _features(viewer, Feature.id, MapobjectType.name, Feature.name)
    if region_id is not None:
        query = query.where(Feature.id == region_id)
    if sample_id is not None:
        of_sample = select(Well.experiment_id).where(Well.id == sample_id)
        query = query.where(Feature.experiment_id.in_(of_sample))
    found = pages.read(session, query.order_by(Feature.id), window)
    return Page([Region(*row) for row in found.rows], found.total)


def list_maps(session: Session, viewer: Viewer, window: Window, which: MapFilter) -> Page[GridMap]:
    """Maps of the plates that somebody sees, in the order of their numbers."""
    query = _maps(viewer, which).order_by(Feature.id, _PLATES.c.place)
    found = pages.read(session, query, window)
    return Page([_map(row) for row in found.rows], found.total)


def find_map(session: Session, viewer: Viewer, map_id: int) -> GridMap:
    """A map that somebody sees.

    Raises
    ------
    NotFound
        If there is none, or it is hidden.
    """
    row = session.execute(_maps(viewer, MapFilter(map_id=map_id))).first()
    if row is None:
        raise NotFound("Map not found")
    return _map(row)


def read(database: Database, storage: ExperimentStorage, cache: ColumnCache, grid: GridMap) -> Grid:
    """The mean of the objects in each well.

    Parameters
    ----------
    database, storage, cache
        Where the values are.
    grid
        The map.

    Returns
    -------
    ndarray
        Shape (rows, columns) of the plate; nan for wells without values.

    Raises
    ------
    Busy
        If the objects are being replaced.
    NotFound
        If the feature is not there any more.
    """
    try:
        table = open_table(database, storage, cache, grid.type_id)
        return _means(table, grid)
    except Conflict as error:
        raise Busy(error.message) from None


def histogram(values: Grid) -> tuple[NDArray[np.int64], Grid, Grid]:
    """How often values occur.

    Returns
    -------
    counts, centres, widths
        Of 50 bins, each of the shape (50,).
    """
    known = values[np.isfinite(values)]
    counts, edges = count_in_bins(known, _N_BINS)
    widths = np.diff(edges)
    return counts, edges[:-1] + widths / 2, widths


def picture(values: Grid) -> NDArray[np.uint8]:
    """A map in colours, from its least to its largest value.

    Returns
    -------
    ndarray
        Shape (rows, columns, 4): red, green, blue and opacity, which is 0 where there is no value.
    """
    is_known = np.isfinite(values)
    # halves, whose differences are numbers as well
    known = np.where(is_known, values, np.nan) / 2
    least, largest = (np.nanmin(known), np.nanmax(known)) if is_known.any() else (0.0, 0.0)
    shares = np.where(is_known, known - least, 0) / ((largest - least) or 1)
    scale = np.linspace(0, 1, len(_ANCHORS))
    painted = np.zeros((*values.shape, 4), np.uint8)
    for channel in range(3):
        painted[..., channel] = np.interp(shares, scale, _ANCHORS[:, channel]).round()
    painted[..., 3] = 255
    painted[~is_known] = 0
    return painted


def _means(table: ObjectTable, grid: GridMap) -> Grid:
    columns = [one for one in table.columns if one.kind == "feature" and one.key == grid.key]
    if not columns:
        raise NotFound("Map not found")
    plates, wells, values = table.values_of(
        [table.find("metadata:plate_name"), table.find("metadata:well_name"), columns[0]]
    )
    means = np.full(grid.shape, np.nan)
    if plates.texts is None or wells.texts is None or grid.plate not in plates.texts:
        return means
    is_chosen = (plates.numbers == plates.texts.index(grid.plate)) & ~values.is_missing
    of_wells, chosen = wells.numbers[is_chosen], values.numbers[is_chosen]
    sums = np.bincount(of_wells, chosen, len(wells.texts))
    counts = np.bincount(of_wells, minlength=len(wells.texts))
    for name, total, count in zip(wells.texts, sums, counts, strict=True):
        if count:
            means[well_position(name, grid.plate_format)] = total / count
    return means


def _features(viewer: Viewer, *columns: Any) -> Query:
    query = (
        select(*columns)
        .select_from(Feature)
        .join(MapobjectType, MapobjectType.id == Feature.mapobject_type_id)
        .join(Experiment, Experiment.id == Feature.experiment_id)
        .where(MapobjectType.ref_type != "Plate", Feature.id <= _LARGEST_FEATURE)
    )
    return in_shown_experiments(query, viewer)


def _maps(viewer: Viewer, which: MapFilter) -> Query:
    plate = _PLATES.c
    first = select(func.min(Acquisition.id)).where(Acquisition.plate_id == plate.id)
    query = _features(
        viewer,
        cast(Feature.id, BigInteger) * _MOST_PLATES + plate.place,
        Feature.id,
        MapobjectType.name,
        Feature.name,
        MapobjectType.id,
        Feature.key,
        plate.id,
        plate.name,
        Experiment.id,
        Experiment.plate_format,
        first.correlate(_PLATES).scalar_subquery(),
    ).join(_PLATES, plate.experiment_id == Experiment.id)
    has_wells = exists(select(1).where(Well.plate_id == plate.id))
    query = query.where(plate.place < _MOST_PLATES, has_wells)
    if which.map_id is not None:
        feature_id, place = divmod(which.map_id, _MOST_PLATES)
        query = query.where(Feature.id == feature_id, plate.place == place)
    if which.group_id is not None:
        query = query.where(plate.id == which.group_id)
    if which.collection_id is not None:
        of_collection = select(Acquisition.plate_id).where(Acquisition.id == which.collection_id)
        query = query.where(plate.id.in_(of_collection))
    if which.sample_id is not None:
        query = query.where(plate.id.in_(select(Well.plate_id).where(Well.id == which.sample_id)))
    if which.subsample_id is not None:
        of_site = select(Well.plate_id).join(Site, Site.well_id == Well.id)
        query = query.where(plate.id.in_(of_site.where(Site.id == which.subsample_id)))
    return query


def _map(row: Any) -> GridMap:
    number, region_id, objects, feature, *rest = row
    return GridMap(number, Region(region_id, objects, feature), *rest)
