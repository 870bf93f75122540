"""Mapobject types with their features and segmentation layers."""

from typing import Annotated

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, selectinload

from tmlib.errors import Conflict, NotFound
from tmlib.experiments import models as experiments
from tmlib.objects import feature_files, mapobject_types, models
from tmserver.access import ExperimentAccess
from tmserver.api.channels import map_size
from tmserver.routing import Routes
from tmserver.schemas import Id, ImageSize, Index, Message, NamedPage, Page, Rename, Schema, Text

routes = Routes("mapobject")

_TYPES = "/api/experiments/<experiment_id>/mapobject_types"
_TYPE = f"{_TYPES}/<mapobject_type_id>"


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


class NewMapobjectType(Schema):
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
    found = (
        select(models.MapobjectType)
        .where(models.MapobjectType.experiment_id == access.experiment_id)
        .options(
            selectinload(models.MapobjectType.layers), selectinload(models.MapobjectType.features)
        )
        .order_by(models.MapobjectType.name)
        .limit(query.limit)
        .offset(query.offset)
    )
    if query.name is not None:
        found = found.where(models.MapobjectType.name == query.name)
    with access.database.session() as session:
        return [_type(access.experiment, one) for one in session.scalars(found)]


@routes.post(
    _TYPES, "/api/experiments/<experiment_id>/mapobject_type", permits="write", raises=(409,)
)
def create_mapobject_type(access: ExperimentAccess, body: NewMapobjectType) -> MapobjectType:
    """Get the type of segmented objects with this name; it is created when there is none."""
    with access.database.transaction() as session:
        type_id = mapobject_types.ensure_mapobject_type(
            session, access.experiment_id, body.name, "Site"
        )
        return _type(access.experiment, find_type(session, access.experiment_id, type_id))


@routes.put(_TYPE, permits="write", raises=(409,))
def update_mapobject_type(
    access: ExperimentAccess, mapobject_type_id: int, body: Rename
) -> Message:
    """Rename a mapobject type."""
    with access.database.transaction() as session:
        find_type(session, access.experiment_id, mapobject_type_id).name = body.name
        try:
            session.flush()
        except IntegrityError as error:
            raise Conflict(
                f'The experiment has a mapobject type "{body.name}" already: choose another name.'
            ) from error
    return Message()


@routes.delete(_TYPE, permits="write")
def delete_mapobject_type(access: ExperimentAccess, mapobject_type_id: int) -> Message:
    """Delete a mapobject type with all its objects, outlines and feature values."""
    with access.database.transaction() as session:
        find_type(session, access.experiment_id, mapobject_type_id)
        files = mapobject_types.delete_type(session, access.storage, mapobject_type_id)
    feature_files.remove(files)
    return Message()


@routes.get(f"{_TYPE}/features", permits="read")
def get_features(
    access: ExperimentAccess, mapobject_type_id: int, query: NamedPage
) -> list[Feature]:
    """List the features of a mapobject type in the order of their names."""
    found = (
        select(models.Feature)
        .where(models.Feature.mapobject_type_id == mapobject_type_id)
        .order_by(models.Feature.name)
        .limit(query.limit)
        .offset(query.offset)
    )
    if query.name is not None:
        found = found.where(models.Feature.name == query.name)
    with access.database.session() as session:
        find_type(session, access.experiment_id, mapobject_type_id)
        return [Feature.model_validate(feature) for feature in session.scalars(found)]


@routes.get("/api/experiments/<experiment_id>/segmentation_layers", permits="read")
def get_segmentation_layers(access: ExperimentAccess, query: LayerQuery) -> list[SegmentationLayer]:
    """List segmentation layers."""
    layers = models.SegmentationLayer
    found = (
        select(layers)
        .join(models.MapobjectType, models.MapobjectType.id == layers.mapobject_type_id)
        .where(layers.experiment_id == access.experiment_id)
        .order_by(models.MapobjectType.name, layers.tpoint, layers.zplane)
        .limit(query.limit)
        .offset(query.offset)
    )
    if query.mapobject_type_name is not None:
        found = found.where(models.MapobjectType.name == query.mapobject_type_name)
    if query.tpoint is not None:
        found = found.where(layers.tpoint == query.tpoint)
    if query.zplane is not None:
        found = found.where(layers.zplane == query.zplane)
    with access.database.session() as session:
        return [_layer(access.experiment, layer) for layer in session.scalars(found)]


def find_type(session: Session, experiment_id: int, mapobject_type_id: int) -> models.MapobjectType:
    """A mapobject type of an experiment.

    Raises
    ------
    NotFound
        If the experiment has no such type.
    """
    found = session.get(models.MapobjectType, mapobject_type_id)
    if found is None or found.experiment_id != experiment_id:
        raise NotFound("The experiment has no such mapobject type.")
    return found


def find_layer(session: Session, experiment_id: int, layer_id: int) -> models.SegmentationLayer:
    """A segmentation layer of an experiment.

    Raises
    ------
    NotFound
        If the experiment has no such layer.
    """
    layer = session.get(models.SegmentationLayer, layer_id)
    if layer is None or layer.experiment_id != experiment_id:
        raise NotFound("The experiment has no such segmentation layer.")
    return layer


def _type(experiment: experiments.Experiment, found: models.MapobjectType) -> MapobjectType:
    return MapobjectType(
        id=found.id,
        name=found.name,
        features=[Feature.model_validate(feature) for feature in found.features],
        layers=[_layer(experiment, layer) for layer in found.layers],
    )


def _layer(
    experiment: experiments.Experiment, layer: models.SegmentationLayer
) -> SegmentationLayer:
    return SegmentationLayer(
        id=layer.id, tpoint=layer.tpoint, zplane=layer.zplane, image_size=map_size(experiment)
    )
