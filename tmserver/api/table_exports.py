"""Tables of objects for other programs: AnnData files, OME-Zarr with labels and tables."""

import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Annotated, Literal

import numpy as np
from flask import Response
from pydantic import Field, Json

from tmlib.errors import BadInput, Unavailable
from tmlib.experiments import layout
from tmlib.images.channel_images import field_path
from tmlib.objects import service
from tmlib.objects.exchange import ome_zarr_export
from tmlib.objects.exchange.anndata_files import AnnDataContent, write_h5ad
from tmlib.objects.exchange.ome_zarr_export import ome_zarr_archive
from tmlib.objects.selection import Selection, file_name
from tmserver.access import ExperimentAccess
from tmserver.api.table_queries import ColumnName, ObjectsQuery, chosen_rows, opened_table
from tmserver.http.routing import Routes
from tmserver.http.schemas import Schema, Text
from tmserver.scopes import EXPERIMENT

routes = Routes("table", scope=EXPERIMENT)

_TYPE = "/mapobject_types/<mapobject_type_id>"
_PIECE = 1 << 20
_H5AD, _ZIP = "application/x-hdf5", "application/zip"


class AnnDataQuery(ObjectsQuery):
    """Which objects, and which features: all, or ``columns``; ``dtype`` is the type of ``X``."""

    columns: Annotated[
        Json[Annotated[list[ColumnName], Field(max_length=10_000)]] | None,
        Field(examples=['["Morphology_Area"]']),
    ] = None
    dtype: Literal["float32", "float64"] = "float64"


class OmeZarrQuery(Schema):
    """Which plate or well; with ``images`` also its channel images."""

    plate_name: Text
    well_name: Text | None = None
    images: bool = False


@routes.get(f"{_TYPE}/anndata", permits="read", raises=(409,), by_form=True, media=(_H5AD,))
def get_anndata(access: ExperimentAccess, mapobject_type_id: int, query: AnnDataQuery) -> Response:
    """Get objects as AnnData file: features in X, metadata and results in obs, centres in obsm."""
    table = opened_table(access, mapobject_type_id)
    features = [column for column in table.columns if column.kind == "feature"]
    others = [column for column in table.columns if column.kind != "feature"]
    if query.columns is not None:
        features = [table.find(name) for name in query.columns]
    for column in features:
        if column.kind != "feature":
            raise BadInput(f'"{column.name}" is no feature: all other columns are sent anyway.')
    rows = np.flatnonzero(chosen_rows(table, query))
    content = AnnDataContent(table, rows, features, others, query.dtype)
    file = _anndata_file(access.settings.resolved_cache_dir / "exports", content)
    response = Response(_pieces(file), mimetype=_H5AD)
    response.call_on_close(file.close)
    response.content_length = file.seek(0, 2)
    name = _file_name(access, mapobject_type_id, query.plate_name, query.well_name, "objects.h5ad")
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


@routes.get(f"{_TYPE}/ome-zarr", permits="read", raises=(409,), media=(_ZIP,))
def get_ome_zarr(access: ExperimentAccess, mapobject_type_id: int, query: OmeZarrQuery) -> Response:
    """Get label images of a plate or well with AnnData tables of their objects, as OME-Zarr in ZIP.

    With ``images`` it is a whole plate with its channel images.
    """
    table = opened_table(access, mapobject_type_id)
    place = Selection(plate_name=query.plate_name, well_name=query.well_name)
    table.select(place)
    with access.database.session() as session:
        found = service.get_mapobject_type(session, access.experiment_id, mapobject_type_id)
        sites = layout.list_sites(
            session,
            access.experiment_id,
            plate_name=query.plate_name,
            well_name=query.well_name,
        )
        plate_store = access.storage.plate_images(sites[0].well.plate_id)
        fields = [
            ome_zarr_export.Field(
                site.id, field_path(plate_store, site.well.name, site.field), site.well.name
            )
            for site in sites
        ]
    parts = ome_zarr_archive(
        table, found.name, query.plate_name, plate_store, fields, with_images=query.images
    )
    response = Response(chain([next(parts, b"")], parts), mimetype=_ZIP)
    content = "objects.ome.zarr.zip"
    name = _file_name(access, mapobject_type_id, query.plate_name, query.well_name, content)
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


def _file_name(
    access: ExperimentAccess,
    mapobject_type_id: int,
    plate_name: str | None,
    well_name: str | None,
    content: str,
) -> str:
    with access.database.session() as session:
        found = service.get_mapobject_type(session, access.experiment_id, mapobject_type_id)
        return file_name(session, found, Selection(plate_name, well_name), content)


def _anndata_file(folder: Path, content: AnnDataContent) -> IO[bytes]:
    """The file, open and without a name, so that it is gone when it is closed whatever happens."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by whoever sends it
        try:
            write_h5ad(file, content)
        except BaseException:
            file.close()
            raise
    except OSError as error:
        raise Unavailable(
            f"The server has no room for the file ({error.strerror or error}): ask for fewer "
            "objects, or its administrator to look at TM_CACHE_DIR."
        ) from error
    return file


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(_PIECE):
        yield piece
