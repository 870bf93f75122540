"""Mapobject types with their features and segmentation layers."""

import contextlib
from pathlib import Path
from typing import Annotated

from pydantic import Field
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tmlib.errors import BadInput, Conflict
from tmlib.experiments import layout
from tmlib.experiments.sharing import ExperimentRow
from tmlib.images.channel_images import field_path
from tmlib.images.label_images import delete_labels, rename_labels
from tmlib.objects import deletion, mapobject_types, models, service
from tmlib.objects.values import feature_files
from tmlib.storage import check_file_name
from tmlib.tools.service import label_files
from tmserver.access import ExperimentAccess
from tmserver.api.channels import map_size
from tmserver.http.routing import Routes
from tmserver.http.schemas import (
    Body,
    Id,
    ImageSize,
    Index,
    Message,
    NamedPage,
    Page,
    Rename,
    Schema,
    Text,
)
from tmserver.scopes import EXPERIMENT

routes = Routes("mapobject", scope=EXPERIMENT)

_TYPES = "/mapobject_types"
_TYPE = f"{_TYPES}/<mapobject_type_id>"

# How long a request goes on with removing objects; the workers do the rest.
_DELETION_SECONDS = 2


class Feature(Schema):
    """Something that was measured."""

    id: Id
    name: str


class SegmentationLayer(Schema):
    """Outlines at one time point and plane; both are null for plates, wells and sites."""

    id: Id
    tpoint: int | None
    zplane: int | None
    image_size: ImageSize


class MapobjectType(Schema):
    """A kind of objects, ``Cells`` for example."""

    id: Id
    name: str
    features: list[Feature]
    layers: list[SegmentationLayer]


class MapobjectInfo(Schema):
    """Where an object comes from; what does not apply to its type is null.

    The id is a plain number, as in tiles and tables.
    """

    id: int
    type: str
    experiment_name: str
    plate_name: str
    well_name: str | None
    well_pos_y: int | None
    well_pos_x: int | None
    tpoint: int | None
    zplane: int | None
    label: int | None


class InfoQuery(Schema):
    """When and in which plane; by default where the object is seen first."""

    tpoint: Index | None = None
    zplane: Index | None = None


class NewMapobjectType(Body):
    """Name of the type that is wanted."""

    name: Annotated[Text, Field(min_length=1, max_length=255)]


class LayerQuery(Page):
    """Which segmentation layers are asked for."""

    mapobject_type_name: Text | None = None
    tpoint: Index | None = None
    zplane: Index | None = None


@routes.get(_TYPES, permits="read")
def get_mapobject_types(access: ExperimentAccess, query: NamedPage) -> list[MapobjectType]:
    """List mapobject types in the order of their names."""
    with access.database.session() as session:
        found = service.get_mapobject_types(session, access.experiment_id, query.name)
        return [_type(access.experiment, one) for one in query.of(found)]


@routes.post(_TYPES, "/mapobject_type", permits="write", raises=(409,))
def create_mapobject_type(access: ExperimentAccess, body: NewMapobjectType) -> MapobjectType:
    """Get the type of segmented objects with this name; it is created when there is none."""
    with access.database.transaction() as session:
        type_id = mapobject_types.ensure_mapobject_type(
            session, access.experiment_id, body.name, "Site"
        )
        found = service.get_mapobject_type(session, access.experiment_id, type_id)
        return _type(access.experiment, found)


@routes.put(_TYPE, permits="write", raises=(409,))
def update_mapobject_type(
    access: ExperimentAccess, mapobject_type_id: int, body: Rename
) -> Message:
    """Rename a mapobject type, and its label images with it."""
    check_file_name(body.name)
    with access.database.transaction() as session:
        found = _segmented_type(session, access.experiment_id, mapobject_type_id)
        name, found.name = found.name, body.name
        try:
            session.flush()
        except IntegrityError as error:
            raise Conflict(
                f'The experiment has a mapobject type "{body.name}" already: choose another name.'
            ) from error
        fields = _fields(session, access)
    with contextlib.suppress(BadInput):  # an old name that no folder can have: no labels
        for field in fields:
            rename_labels(field, name, body.name)
    return Message()


@routes.delete(_TYPE, permits="write", raises=(409,))
def delete_mapobject_type(access: ExperimentAccess, mapobject_type_id: int) -> Message:
    """Delete a mapobject type with all its objects, outlines, feature values and tool results."""
    with access.database.transaction() as session:
        name = _segmented_type(session, access.experiment_id, mapobject_type_id).name
        files = label_files(session, access.storage, mapobject_type_id)
        files += mapobject_types.delete_type(session, access.storage, mapobject_type_id)
        fields = _fields(session, access)
    feature_files.remove(files)
    with contextlib.suppress(BadInput):  # a name that no folder can have: there are no labels
        for field in fields:
            delete_labels(field, name)
    deletion.finish(access.database, _DELETION_SECONDS)
    return Message()


def _fields(session: Session, access: ExperimentAccess) -> list[Path]:
    """Folders of the images of all sites, which the label images lie in."""
    return [
        field_path(access.storage.plate_images(site.well.plate_id), site.well.name, site.field)
        for site in layout.list_sites(session, access.experiment_id)
    ]


@routes.get(f"{_TYPE}/features", permits="read")
def get_features(
    access: ExperimentAccess, mapobject_type_id: int, query: NamedPage
) -> list[Feature]:
    """List the features of a mapobject type in the order of their names."""
    with access.database.session() as session:
        found = service.get_mapobject_type(session, access.experiment_id, mapobject_type_id)
    features = [one for one in found.features if query.name in (None, one.name)]
    features.sort(key=lambda feature: feature.name)
    return [Feature.model_validate(feature) for feature in query.of(features)]


@routes.get("/segmentation_layers", permits="read")
def get_segmentation_layers(access: ExperimentAccess, query: LayerQuery) -> list[SegmentationLayer]:
    """List segmentation layers."""
    with access.database.session() as session:
        found = service.get_segmentation_layers(
            session,
            access.experiment_id,
            mapobject_type_name=query.mapobject_type_name,
            tpoint=query.tpoint,
            zplane=query.zplane,
        )
    return [_layer(access.experiment, layer) for layer in query.of(found)]


@routes.get("/mapobjects/<mapobject_id>/info", permits="read")
def get_mapobject_info(
    access: ExperimentAccess, mapobject_id: int, query: InfoQuery
) -> MapobjectInfo:
    """Get what an object is and where it lies.

    What has one type, site and label is the same object at all time points and planes.
    """
    with access.database.session() as session:
        found = service.get_mapobject_info(
            session, access.experiment_id, mapobject_id, query.tpoint, query.zplane
        )
    return MapobjectInfo.model_validate(found)


def _segmented_type(
    session: Session, experiment_id: int, mapobject_type_id: int
) -> models.MapobjectType:
    """A type that may be changed."""
    found = service.get_mapobject_type(session, experiment_id, mapobject_type_id)
    if found.is_static:
        raise Conflict(
            f'"{found.name}" are made from the layout of the plates: '
            "they can neither be renamed nor deleted."
        )
    return found


def _type(experiment: ExperimentRow, found: models.MapobjectType) -> MapobjectType:
    return MapobjectType(
        id=found.id,
        name=found.name,
        features=[Feature.model_validate(feature) for feature in found.features],
        layers=[_layer(experiment, layer) for layer in found.layers],
    )


def _layer(experiment: ExperimentRow, layer: models.SegmentationLayer) -> SegmentationLayer:
    return SegmentationLayer(
        id=layer.id, tpoint=layer.tpoint, zplane=layer.zplane, image_size=map_size(experiment)
    )
