"""Maps on a grid: features of the objects on a plate, well by well."""

import imagecodecs
import numpy as np
from flask import Response
from pydantic import Field

from tmlib.errors import NotFound
from tmlib.facility import maps
from tmlib.facility.maps import Grid, GridMap, MapFilter
from tmlib.storage import ExperimentStorage
from tmserver.access import UserAccess
from tmserver.http.paging import Part
from tmserver.http.routing import Routes
from tmserver.ispyb.forms import PREFIX, Model, Number, PageQuery, Query
from tmserver.ispyb.looking import looking

routes = Routes("Mapping")

_PNG = "image/png"


class MapROI(Model):
    """What a map shows: a feature of objects, which has no energies."""

    xrf_fluorescence_mapping_roi_id: int = Field(alias="xrfFluorescenceMappingROIId")
    element: str | None = Field(examples=["Cells"])
    edge: str | None = Field(None, examples=[None])
    scalar: str | None = Field(examples=["Morphology_Area"])
    start_energy: float = 0
    end_energy: float = 0


class GridInfo(Model):
    """The grid of a map: the columns and rows of a plate."""

    grid_info_id: int
    steps_x: int = Field(alias="steps_x")
    steps_y: int = Field(alias="steps_y")
    snaked: bool = False
    orientation: str = Field("horizontal", examples=["horizontal"])


class MapMetaData(Model):
    """Where the map is, and what it is of."""

    url: str
    bl_sub_sample_id: int | None = None
    bl_sample_id: int | None = None
    data_collection_id: int | None


class Map(Model):
    """A map on a grid."""

    xrf_fluorescence_mapping_id: int
    colour_map: str | None = Field(examples=[maps.COLOURS])
    opacity: float | None = 1
    points: int | None
    data_format: str = Field("json", examples=["json"])
    metadata: MapMetaData = Field(alias="_metadata")
    grid_info: GridInfo = Field(alias="GridInfo")
    region: MapROI = Field(alias="XRFFluorescenceMappingROI")


class MapHistogram(Model):
    """How often values occur in a map."""

    xrf_fluorescence_mapping_id: int
    hist: list[int]
    bins: list[float]
    width: list[float]


class MapPixelValue(Model):
    """A value of a map; null for a well without objects."""

    xrf_fluorescence_mapping_id: int
    x: int
    y: int
    value: float | None


class WhichMapROIs(PageQuery):
    """Asks for features."""

    xrf_fluorescence_mapping_roi_id: Number | None = Field(
        None, alias="xrfFluorescenceMappingROIId"
    )
    bl_sample_id: Number | None = None


class WhichMaps(PageQuery):
    """Asks for maps by what they are of."""

    xrf_fluorescence_mapping_id: Number | None = None
    data_collection_id: Number | None = None
    data_collection_group_id: Number | None = None
    bl_sample_id: Number | None = None
    bl_sub_sample_id: Number | None = None


class WhichPixel(Query):
    """Asks for the value in a column and a row, counted from 0."""

    x: Number
    y: Number


@routes.get("/mapping/rois", permits="user")
def get_map_rois(access: UserAccess, query: WhichMapROIs) -> Part[MapROI]:
    """List the features that maps show."""
    with looking(access) as (session, viewer):
        found = maps.list_regions(
            session,
            viewer,
            query.window,
            region_id=query.xrf_fluorescence_mapping_roi_id,
            sample_id=query.bl_sample_id,
        )
    return Part([_region(one) for one in found.rows], found.total)


@routes.get("/mapping", permits="user")
def get_maps(access: UserAccess, query: WhichMaps) -> Part[Map]:
    """List maps: one for each plate and feature."""
    which = MapFilter(
        map_id=query.xrf_fluorescence_mapping_id,
        collection_id=query.data_collection_id,
        group_id=query.data_collection_group_id,
        sample_id=query.bl_sample_id,
        subsample_id=query.bl_sub_sample_id,
    )
    with looking(access) as (session, viewer):
        found = maps.list_maps(session, viewer, query.window, which)
    return Part([_map(one) for one in found.rows], found.total)


@routes.get("/mapping/histogram/<map_id>", permits="user", raises=(404,))
def get_map_histogram(access: UserAccess, map_id: int) -> MapHistogram:
    """Tell how often values occur in a map."""
    counts, centres, widths = maps.histogram(_values(access, map_id))
    return MapHistogram(
        xrf_fluorescence_mapping_id=map_id,
        hist=counts.tolist(),
        bins=centres.tolist(),
        width=widths.tolist(),
    )


@routes.get("/mapping/pixel/<map_id>", permits="user", raises=(404,))
def get_map_pixel(access: UserAccess, map_id: int, query: WhichPixel) -> MapPixelValue:
    """Get the value of a map in a column and a row."""
    values = _values(access, map_id)
    n_rows, n_columns = values.shape
    if query.x >= n_columns or query.y >= n_rows:
        raise NotFound(
            f"The map has {n_columns} columns and {n_rows} rows: there is no such pixel."
        )
    value = float(values[query.y, query.x])
    return MapPixelValue(
        xrf_fluorescence_mapping_id=map_id,
        x=query.x,
        y=query.y,
        value=value if np.isfinite(value) else None,
    )


@routes.get("/mapping/<map_id>", permits="user", raises=(404,), media=(_PNG,))
def get_map(access: UserAccess, map_id: int) -> Response:
    """Get a picture of a map, a pixel for each well."""
    painted = maps.picture(_values(access, map_id))
    return Response(bytes(imagecodecs.png_encode(painted)), mimetype=_PNG)


def _values(access: UserAccess, map_id: int) -> Grid:
    with looking(access) as (session, viewer):
        found = maps.find_map(session, viewer, map_id)
    storage = ExperimentStorage(access.settings.data_dir, found.experiment_id)
    return maps.read(access.database, storage, access.services.columns, found)


def _region(one: maps.Region) -> MapROI:
    return MapROI.model_validate(
        {"xrfFluorescenceMappingROIId": one.id, "element": one.objects, "scalar": one.feature}
    )


def _map(one: GridMap) -> Map:
    n_rows, n_columns = one.shape
    return Map(
        xrf_fluorescence_mapping_id=one.id,
        colour_map=maps.COLOURS,
        points=n_rows * n_columns,
        metadata=MapMetaData(
            url=f"{PREFIX}/mapping/{one.id}", data_collection_id=one.collection_id
        ),
        grid_info=GridInfo(grid_info_id=one.plate_id, steps_x=n_columns, steps_y=n_rows),
        region=_region(one.region),
    )
