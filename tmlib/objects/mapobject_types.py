"""Mapobject types with their layers and features: creating, deleting, zoom thresholds."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Table, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from tmlib.errors import BadInput, Conflict, NotFound
from tmlib.experiments.models import Experiment
from tmlib.objects.models import (
    DeletedMapobjectType,
    Feature,
    FeatureValueFile,
    Mapobject,
    MapobjectSegmentation,
    MapobjectType,
    SegmentationLayer,
)
from tmlib.objects.tiles.layer_index import index_files
from tmlib.storage import ExperimentStorage

REF_TYPES = ("Plate", "Well", "Site")
STATIC_TYPES = {"Plates": "Plate", "Wells": "Well", "Sites": "Site"}


class ZoomThresholds(NamedTuple):
    """The zoom levels (0 outermost) from which centroids and polygons are shown."""

    centroid: int
    polygon: int


def zoom_thresholds(
    ref_type: str, *, is_static: bool, as_polygons: bool, map_levels: int
) -> ZoomThresholds:
    """The zoom levels from which the objects of a type are shown as points and as polygons.

    Parameters
    ----------
    ref_type
        What contains the objects: ``Plate``, ``Well`` or ``Site``.
    is_static
        Whether the objects are plates, wells or sites themselves, which are never points.
    as_polygons
        False for objects that are only ever shown as points.
    map_levels
        Number of zoom levels of the experiment's map.
    """
    innermost = map_levels - 1
    if is_static:
        polygon = {"Plate": 0, "Well": innermost - 11, "Site": innermost - 8}[ref_type]
        return ZoomThresholds(0, max(polygon, 0))
    polygon = innermost - 4 if as_polygons else innermost + 1
    return ZoomThresholds(max(polygon - 2, 0), max(polygon, 0))


def ensure_mapobject_type(
    session: Session, experiment_id: int, name: str, ref_type: str, *, is_static: bool = False
) -> int:
    """Id of the type with a name, which is created if there is none.

    Parameters
    ----------
    session
        Session of a write transaction.
    experiment_id
        Experiment that the type belongs to.
    name
        Name as users see it, ``Cells`` for example.
    ref_type
        What contains its objects: ``Plate``, ``Well`` or ``Site``.
    is_static
        Whether its objects are made from the plate's layout.

    Raises
    ------
    BadInput
        If the name is empty or too long.
    Conflict
        If the name belongs to a type of the other kind.
    """
    if ref_type not in REF_TYPES:
        raise ValueError(f"ref_type must be one of {REF_TYPES}, not {ref_type!r}")
    if not 0 < len(name) <= 255:
        raise BadInput("The name of an object type must have between 1 and 255 characters.")
    values = {"name": name, "ref_type": ref_type, "is_static": is_static}
    insert_missing(session, MapobjectType, [{"experiment_id": experiment_id, **values}])
    found = session.scalars(
        select(MapobjectType).where(
            MapobjectType.experiment_id == experiment_id, MapobjectType.name == name
        )
    ).one()
    if (found.ref_type, found.is_static) != (ref_type, is_static):
        taken = "made from the plate's layout" if found.is_static else "segmented from images"
        raise Conflict(f'The object type "{name}" exists and is {taken}: choose another name.')
    return found.id


def ensure_layer(
    session: Session,
    mapobject_type_id: int,
    tpoint: int | None,
    zplane: int | None,
    *,
    as_polygons: bool,
) -> int:
    """Id of the segmentation layer of a type, which is created if there is none.

    A new layer gets its zoom thresholds from the experiment's map, if that is known. The type is
    locked until the transaction ends, because its objects have no foreign key that prevents its
    deletion.

    Raises
    ------
    NotFound
        If it was deleted already.
    """
    _lock_type(session, mapobject_type_id)
    layers = SegmentationLayer
    find = select(layers.id).where(
        layers.mapobject_type_id == mapobject_type_id,
        layers.tpoint.is_not_distinct_from(tpoint),
        layers.zplane.is_not_distinct_from(zplane),
    )
    layer_id = session.scalar(find)
    if layer_id is not None:
        return layer_id
    owner = session.execute(
        select(MapobjectType.experiment_id, MapobjectType.ref_type, MapobjectType.is_static)
        .add_columns(Experiment.map_levels)
        .join(Experiment, Experiment.id == MapobjectType.experiment_id)
        .where(MapobjectType.id == mapobject_type_id)
    ).one()
    thresholds = zoom_thresholds(
        owner.ref_type,
        is_static=owner.is_static,
        as_polygons=as_polygons,
        map_levels=owner.map_levels or 0,
    )
    row = {
        "experiment_id": owner.experiment_id,
        "mapobject_type_id": mapobject_type_id,
        "tpoint": tpoint,
        "zplane": zplane,
        "centroid_thresh": thresholds.centroid,
        "polygon_thresh": thresholds.polygon,
    }
    insert_missing(session, layers, [row])
    return session.scalars(find).one()


def _lock_type(session: Session, mapobject_type_id: int) -> None:
    lock = (
        select(MapobjectType.id)
        .where(MapobjectType.id == mapobject_type_id)
        .with_for_update(key_share=True, read=True)
    )
    if session.scalar(lock) is None:
        raise NotFound(
            f"Object type {mapobject_type_id} was deleted while its objects were looked for: "
            "do again what was to find them."
        )


def ensure_features(
    session: Session, experiment_id: int, mapobject_type_id: int, keys: Sequence[str]
) -> None:
    """Create the features of a type that do not exist yet, so that their ids follow `keys`.

    Raises
    ------
    Conflict
        If a feature with another key was renamed to one of `keys`.
    """
    find = select(Feature.key).where(Feature.mapobject_type_id == mapobject_type_id)
    if set(keys) <= set(session.scalars(find)):
        return
    owner = {"experiment_id": experiment_id, "mapobject_type_id": mapobject_type_id}
    insert_missing(
        session,
        Feature,
        [{**owner, "name": key, "key": key, "is_aggregate": False} for key in keys],
    )
    missing = set(keys) - set(session.scalars(find))
    if missing:
        raise Conflict(
            f'Another feature was renamed to "{min(missing)}", which is measured now: '
            "give that feature a different name."
        )


def set_zoom_thresholds(
    session: Session, experiment_id: int, map_levels: int, as_polygons: Mapping[str, bool]
) -> None:
    """Set the zoom levels from which objects are shown, for all layers of an experiment.

    Parameters
    ----------
    session
        Session of a write transaction.
    experiment_id
        Experiment whose layers are set.
    map_levels
        Number of zoom levels of the experiment's map.
    as_polygons
        Whether the objects of a type have polygons, by its name; those of other types do.
    """
    types = session.scalars(
        select(MapobjectType)
        .where(MapobjectType.experiment_id == experiment_id)
        .order_by(MapobjectType.id)
    )
    for mapobject_type in types:
        thresholds = zoom_thresholds(
            mapobject_type.ref_type,
            is_static=mapobject_type.is_static,
            as_polygons=as_polygons.get(mapobject_type.name, True),
            map_levels=map_levels,
        )
        session.execute(
            update(SegmentationLayer)
            .where(SegmentationLayer.mapobject_type_id == mapobject_type.id)
            .values(centroid_thresh=thresholds.centroid, polygon_thresh=thresholds.polygon)
        )


def delete_types(session: Session, storage: ExperimentStorage, *, static: bool) -> list[Path]:
    """Delete all static or all segmented types of an experiment with all that belongs to them.

    Returns
    -------
    list[Path]
        Files to be removed with :func:`tmlib.objects.values.feature_files.remove` after the commit.
    """
    type_ids = session.scalars(
        select(MapobjectType.id)
        .where(
            MapobjectType.experiment_id == storage.experiment_id,
            MapobjectType.is_static.is_(static),
        )
        .order_by(MapobjectType.id)
    ).all()
    outdated: list[Path] = []
    for type_id in type_ids:
        outdated += delete_type(session, storage, type_id)
    return outdated


def delete_type(session: Session, storage: ExperimentStorage, type_id: int) -> list[Path]:
    """Delete a type with all that belongs to it; its objects are removed in portions afterwards."""
    session.add(
        DeletedMapobjectType(mapobject_type_id=type_id, experiment_id=storage.experiment_id)
    )
    paths = session.scalars(
        delete(FeatureValueFile)
        .where(FeatureValueFile.mapobject_type_id == type_id)
        .returning(FeatureValueFile.path)
    ).all()
    layer_ids = session.scalars(
        select(SegmentationLayer.id).where(SegmentationLayer.mapobject_type_id == type_id)
    ).all()
    session.execute(delete(MapobjectType).where(MapobjectType.id == type_id))
    indices = [path for id_ in layer_ids for path in index_files(storage.layer_tiles(id_))]
    return [*(storage.root / path for path in paths), *indices]


def delete_objects(session: Session, experiment_id: int, mapobject_type_id: int) -> None:
    """Delete all objects of a type with their segmentations."""
    layer_ids = select(SegmentationLayer.id).where(
        SegmentationLayer.mapobject_type_id == mapobject_type_id
    )
    session.execute(
        delete(MapobjectSegmentation).where(
            MapobjectSegmentation.experiment_id == experiment_id,
            MapobjectSegmentation.segmentation_layer_id.in_(layer_ids),
        )
    )
    session.execute(
        delete(Mapobject).where(
            Mapobject.experiment_id == experiment_id,
            Mapobject.mapobject_type_id == mapobject_type_id,
        )
    )


def insert_missing(
    session: Session,
    model: type[MapobjectType | SegmentationLayer | Feature],
    rows: Iterable[dict[str, Any]],
) -> None:
    """Insert rows in their order, except those that exist.

    Two transactions that insert the same rows in the same order wait for each other and do not
    duplicate them.
    """
    table = model.__table__
    assert isinstance(table, Table)  # noqa: S101 - narrows the type for the checker
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    session.execute(insert(table).values(list(rows)).on_conflict_do_nothing())
