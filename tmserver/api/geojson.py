"""Objects as GeoJSON: taken to other programs, QuPath above all, and brought from there."""

from collections.abc import Iterator
from itertools import chain
from typing import Annotated, Literal

import numpy as np
from flask import Response
from pydantic import Field, Json
from sqlalchemy.orm import Session

from tmlib.errors import BadInput, NotFound
from tmlib.images.alignment import Residues
from tmlib.images.channel_images import field_path
from tmlib.objects import service
from tmlib.objects.exchange import geojson_import
from tmlib.objects.exchange.geojson_export import GeoJsonContent, geojson
from tmlib.objects.exchange.geojson_import import DrawnSite, Overlaps, SiteArea
from tmlib.objects.table.object_table import ObjectTable
from tmlib.objects.writing.segmentations import SitePlane, check_is_segmented, store_segmentation
from tmlib.workflow.steps.channels import read_field_shape
from tmlib.workflow.steps.plate_map import PlacedSite, read_plate_map
from tmserver.access import ExperimentAccess
from tmserver.api.places import find_site
from tmserver.api.table_queries import ColumnName, ObjectsQuery, chosen_rows, opened_table
from tmserver.http.compression import compressed_response
from tmserver.http.json_bodies import check_json
from tmserver.http.multipart import whole_body
from tmserver.http.routing import MANY_ITEMS, Routes
from tmserver.http.schemas import Index, Schema, Text
from tmserver.scopes import EXPERIMENT

routes = Routes("geojson", scope=EXPERIMENT)

_GEOJSON = "/mapobject_types/<mapobject_type_id>/geojson"
_MEDIA_TYPE = "application/geo+json"
Coordinates = Literal["map", "site"]


class GeoJsonQuery(ObjectsQuery):
    """Which objects, and what of them: all features, or ``columns``.

    ``classification`` names a column of texts, the result of a tool for example. Coordinates are
    pixels of the map, or of the site that an object lies in.
    """

    columns: Annotated[
        Json[Annotated[list[ColumnName], Field(max_length=10_000)]] | None,
        Field(examples=['["Morphology_Area"]']),
    ] = None
    classification: Annotated[ColumnName | None, Field(examples=["Clustering-117"])] = None
    coordinates: Coordinates = "map"


class GeoJsonUpload(Schema):
    """Where polygons belong.

    ``coordinates`` says whether they are given in pixels of the map, or of the one site that
    ``plate_name``, ``well_name``, ``well_pos_y`` and ``well_pos_x`` name. ``overlaps`` says what
    happens to pixels of several objects: ``first`` gives them to the first one.
    """

    coordinates: Coordinates = "map"
    plate_name: Text | None = None
    well_name: Text | None = None
    well_pos_y: Index | None = None
    well_pos_x: Index | None = None
    tpoint: Index = 0
    zplane: Index = 0
    overlaps: Overlaps = "refuse"


class ImportedObjects(Schema):
    """How many objects were stored, at how many sites; and how many were cut at their borders."""

    n_objects: int = Field(examples=[1632])
    n_sites: int = Field(examples=[9])
    n_cut: int = Field(examples=[12])


@routes.get(_GEOJSON, permits="read", raises=(409,), by_form=True, media=(_MEDIA_TYPE,))
def get_geojson(access: ExperimentAccess, mapobject_type_id: int, query: GeoJsonQuery) -> Response:
    """Get the outlines of objects with their measurements and classes, in the form of QuPath."""
    table = opened_table(access, mapobject_type_id)
    rows = np.flatnonzero(chosen_rows(table, query))
    content = _content(access, table, query)
    response = compressed_response(_begun(geojson(table, rows, content)), _MEDIA_TYPE)
    with access.database.session() as session:
        found = service.get_mapobject_type(session, access.experiment_id, mapobject_type_id)
    name = f"{access.experiment.name}_{found.name}.geojson"
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


@routes.post(_GEOJSON, permits="write", raises=(409, 413), takes_bytes=_MEDIA_TYPE)
def add_geojson(
    access: ExperimentAccess, mapobject_type_id: int, query: GeoJsonUpload
) -> ImportedObjects:
    """Store polygons as objects, in place of those that their sites have of this type.

    Each belongs to the site that has its centre. Measurements become features. Everything is
    checked before the first site is stored.
    """
    content = whole_body()
    check_json(content, MANY_ITEMS)
    with access.database.session() as session:
        check_is_segmented(
            service.get_mapobject_type(session, access.experiment_id, mapobject_type_id)
        )
        planes = _planes(session, access, query)
        polygons = geojson_import.read_polygons(content)
        areas = [area for area, _ in planes.values()]
        if query.coordinates == "site":
            areas = [planes[_chosen_site(session, access, query)][0]]
            polygons = geojson_import.shift(polygons, areas[0])
    drawn = geojson_import.draw_sites(polygons, areas, query.overlaps)
    for one in drawn:
        store_segmentation(
            access.database,
            access.storage,
            mapobject_type_id=mapobject_type_id,
            plane=planes[one.area.site_id][1],
            labels=one.labels,
            measurements=one.measurements,
        )
    return _counted(drawn)


def _counted(drawn: list[DrawnSite]) -> ImportedObjects:
    return ImportedObjects(
        n_objects=sum(len(one.measurements) for one in drawn),
        n_sites=len(drawn),
        n_cut=sum(one.n_cut for one in drawn),
    )


def _content(access: ExperimentAccess, table: ObjectTable, query: GeoJsonQuery) -> GeoJsonContent:
    measurements = [column for column in table.columns if column.kind == "feature"]
    if query.columns is not None:
        measurements = [table.find(name) for name in query.columns]
    for column in measurements:
        if column.type == "text":
            raise BadInput(f'"{column.name}" has texts, which are no measurements: leave it out.')
    classification = None
    if query.classification is not None:
        classification = table.find(query.classification)
        if classification.type != "text":
            raise BadInput(f'"{query.classification}" has no classes: choose a column of texts.')
    origins = None
    if query.coordinates == "site":
        with access.database.session() as session:
            sites = read_plate_map(session, access.experiment_id).sites
        origins = {site.id: (site.box.y, site.box.x) for site in sites}
    # outlines tell the rest
    left_out = ("is_border", "centroid_y", "centroid_x")
    facts = [
        column
        for column in table.columns
        if column.kind == "metadata" and column.name not in left_out
    ]
    return GeoJsonContent(measurements, facts, classification, origins)


def _planes(
    session: Session, access: ExperimentAccess, query: GeoJsonUpload
) -> dict[int, tuple[SiteArea, SitePlane]]:
    """All sites by their numbers: where they lie on the map, and where label images go."""
    shape, _ = read_field_shape(session, access.experiment_id)
    if query.tpoint >= shape.n_tpoints or query.zplane >= shape.n_zplanes:
        raise NotFound(
            f"There are no images of time point {query.tpoint}, plane {query.zplane}: there are "
            f"{shape.n_tpoints} time points and {shape.n_zplanes} planes, counted from 0."
        )

    def plane(site: PlacedSite) -> SitePlane:
        folder = access.storage.plate_images(site.plate_id)
        return SitePlane(
            site_id=site.id,
            field=field_path(folder, site.well_name, site.field),
            offset=(site.box.y, site.box.x),
            residues=Residues(),
            tpoint=query.tpoint,
            zplane=query.zplane,
            n_tpoints=shape.n_tpoints,
            n_zplanes=shape.n_zplanes,
            pixel_size=access.experiment.pixel_size,
        )

    def area(site: PlacedSite) -> SiteArea:
        return SiteArea(site.id, site.box.y, site.box.x, site.box.height, site.box.width)

    sites = read_plate_map(session, access.experiment_id).sites
    return {site.id: (area(site), plane(site)) for site in sites}


def _chosen_site(session: Session, access: ExperimentAccess, query: GeoJsonUpload) -> int:
    if query.plate_name is None or query.well_name is None:
        raise BadInput(
            'Coordinates are those of one site: say which with "plate_name", "well_name", '
            '"well_pos_y" and "well_pos_x".'
        )
    return find_site(session, access.experiment_id, query.model_dump()).id


def _begun(parts: Iterator[bytes]) -> Iterator[bytes]:
    """The same parts; what is wrong with the first of them is reported before any is sent."""
    return chain([next(parts, b"")], parts)
