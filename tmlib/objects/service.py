"""Reading mapobject types, layers and objects."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from tmlib.errors import NotFound
from tmlib.experiments.models import Experiment, Plate, Site, Well
from tmlib.objects.models import (
    Mapobject,
    MapobjectSegmentation,
    MapobjectType,
    SegmentationLayer,
)


@dataclass(frozen=True)
class MapobjectInfo:
    """Where an object comes from; fields that do not apply to its type are None."""

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


def get_mapobject_types(
    session: Session, experiment_id: int, name: str | None = None
) -> list[MapobjectType]:
    """Types of an experiment, sorted by name, with layers and features loaded."""
    query = (
        select(MapobjectType)
        .where(MapobjectType.experiment_id == experiment_id)
        .order_by(MapobjectType.name)
        .options(selectinload(MapobjectType.layers), selectinload(MapobjectType.features))
    )
    if name is not None:
        query = query.where(MapobjectType.name == name)
    return list(session.scalars(query))


def get_mapobject_type(
    session: Session, experiment_id: int, mapobject_type_id: int
) -> MapobjectType:
    """One type, with layers and features loaded.

    Raises
    ------
    NotFound
        If the experiment has no such type.
    """
    found = session.scalar(
        select(MapobjectType)
        .where(MapobjectType.id == mapobject_type_id, MapobjectType.experiment_id == experiment_id)
        .options(selectinload(MapobjectType.layers), selectinload(MapobjectType.features))
    )
    if found is None:
        raise NotFound("There is no such object type in the experiment.")
    return found


def get_segmentation_layers(
    session: Session,
    experiment_id: int,
    mapobject_type_name: str | None = None,
    tpoint: int | None = None,
    zplane: int | None = None,
) -> list[SegmentationLayer]:
    """Segmentation layers of an experiment, in order of type, time point and plane."""
    layers = SegmentationLayer
    query = (
        select(layers)
        .join(MapobjectType, MapobjectType.id == layers.mapobject_type_id)
        .where(layers.experiment_id == experiment_id)
        .order_by(MapobjectType.name, layers.tpoint, layers.zplane)
    )
    if mapobject_type_name is not None:
        query = query.where(MapobjectType.name == mapobject_type_name)
    if tpoint is not None:
        query = query.where(layers.tpoint == tpoint)
    if zplane is not None:
        query = query.where(layers.zplane == zplane)
    return list(session.scalars(query))


def get_segmentation_layer(
    session: Session, experiment_id: int, layer_id: int
) -> SegmentationLayer:
    """One segmentation layer.

    Raises
    ------
    NotFound
        If the experiment has no such layer.
    """
    layer = session.get(SegmentationLayer, layer_id)
    if layer is None or layer.experiment_id != experiment_id:
        raise NotFound("There is no such segmentation layer in the experiment.")
    return layer


def count_objects(session: Session, experiment_id: int) -> dict[str, int]:
    """Number of objects by name of type, including types without any, in order of creation."""
    counts = dict(
        session.execute(
            select(Mapobject.mapobject_type_id, func.count())
            .where(Mapobject.experiment_id == experiment_id)
            .group_by(Mapobject.mapobject_type_id)
        ).all()
    )
    types = session.execute(
        select(MapobjectType.id, MapobjectType.name)
        .where(MapobjectType.experiment_id == experiment_id)
        .order_by(MapobjectType.id)
    )
    return {name: counts.get(type_id, 0) for type_id, name in types}


def get_mapobject_info(
    session: Session,
    experiment_id: int,
    mapobject_id: int,
    tpoint: int | None = None,
    zplane: int | None = None,
) -> MapobjectInfo:
    """The type and position of an object.

    Without a time point, the first one with the object is used, and likewise for the plane.

    Raises
    ------
    NotFound
        If the experiment has no such object, or not at this time point and plane.
    """
    query = (
        select(
            MapobjectType.name,
            MapobjectType.ref_type,
            Mapobject.ref_id,
            SegmentationLayer.tpoint,
            SegmentationLayer.zplane,
            MapobjectSegmentation.label,
            Experiment.name,
        )
        .select_from(Mapobject)
        .join(MapobjectType, MapobjectType.id == Mapobject.mapobject_type_id)
        .join(Experiment, Experiment.id == MapobjectType.experiment_id)
        .join(
            MapobjectSegmentation,
            (MapobjectSegmentation.experiment_id == Mapobject.experiment_id)
            & (MapobjectSegmentation.mapobject_id == Mapobject.id),
        )
        .join(
            SegmentationLayer,
            SegmentationLayer.id == MapobjectSegmentation.segmentation_layer_id,
        )
        .where(Mapobject.experiment_id == experiment_id, Mapobject.id == mapobject_id)
        .order_by(SegmentationLayer.tpoint, SegmentationLayer.zplane)
        .limit(1)
    )
    layers = SegmentationLayer
    asked = {"time point": (layers.tpoint, tpoint), "plane": (layers.zplane, zplane)}
    given = {name: one for name, one in asked.items() if one[1] is not None}
    for column, number in given.values():
        # plates, wells and sites are the same at all time points
        query = query.where((column == number) | column.is_(None))
    found = session.execute(query).first()
    if found is None:
        where = "".join(f" at {name} {number}" for name, (_, number) in given.items())
        raise NotFound(f"There is no object {mapobject_id} in the experiment{where}.")
    type_name, ref_type, ref_id, tpoint, zplane, label, experiment_name = found
    plate, well, y, x = _place(session, ref_type, ref_id)
    return MapobjectInfo(
        mapobject_id, type_name, experiment_name, plate, well, y, x, tpoint, zplane, label
    )


def _place(
    session: Session, ref_type: str, ref_id: int
) -> tuple[str, str | None, int | None, int | None]:
    """Names of plate and well, and position of the site (y, x), as far as they apply."""
    if ref_type == "Plate":
        plate = session.get_one(Plate, ref_id)
        return plate.name, None, None, None
    if ref_type == "Well":
        well = session.get_one(Well, ref_id)
        return well.plate.name, well.name, None, None
    site = session.get_one(Site, ref_id)
    return site.well.plate.name, site.well.name, site.y, site.x
