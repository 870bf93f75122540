"""Dropping some of the objects that an analysis found at a site, with their values.

This is prepared outside a transaction, which then removes their outlines and values, and the
objects themselves if they have no outline at another time point or plane.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Select, delete, exists, select
from sqlalchemy.orm import Session

from tmlib.db import Database
from tmlib.db.many import parts
from tmlib.objects.models import Mapobject, MapobjectSegmentation, SegmentationLayer
from tmlib.objects.values import feature_files
from tmlib.objects.values.compaction import feature_keys
from tmlib.objects.versions import note_change
from tmlib.objects.writing.recording import Place, lock_site, replace_file
from tmlib.storage import ExperimentStorage


@dataclass(frozen=True)
class DroppedObjects:
    """Objects of a site to be removed by :func:`drop`, and a file with the values of the others."""

    storage: ExperimentStorage
    place: Place
    labels: tuple[int, ...]
    feature_file: Path
    n_rows: int


def recorded_labels(
    session: Session,
    experiment_id: int,
    mapobject_type_id: int,
    tpoint: int,
    site_ids: list[int],
    zplane: int = 0,
) -> dict[int, set[int]]:
    """Labels of the objects of a type at a time point and plane, by id of the site."""
    found: dict[int, set[int]] = {site_id: set() for site_id in site_ids}
    query = _segmentations(experiment_id, mapobject_type_id, tpoint, zplane)
    for part in parts(site_ids):
        rows = session.execute(
            query.with_only_columns(Mapobject.ref_id, MapobjectSegmentation.label).where(
                Mapobject.ref_id.in_(part)
            )
        )
        for site_id, label in rows:
            if label is not None:
                found[site_id].add(label)
    return found


def prepare_dropped(
    database: Database, storage: ExperimentStorage, place: Place, labels: Collection[int]
) -> DroppedObjects:
    """Write the values of all other objects of a site into a file, outside any transaction."""
    with database.session() as session:
        keys = feature_keys(session, place.mapobject_type_id)
        listed = feature_files.list_files(
            session, storage, place.mapobject_type_id, site_id=place.site_id
        )
    files = [file for file in listed if (file.tpoint, file.zplane) == (place.tpoint, place.zplane)]
    wanted = np.array(sorted(labels))
    path = feature_files.new_path(
        storage, place.mapobject_type_id, place.tpoint, place.zplane, place.site_id
    )
    kept = [
        table.filter(~np.isin(table["label"].to_numpy(), wanted))
        for table in feature_files.merge(files, keys, site_ids={place.site_id})
    ]
    n_rows = feature_files.write(path, keys, kept)
    return DroppedObjects(storage, place, tuple(wanted.tolist()), path, n_rows)


def drop(session: Session, dropped: DroppedObjects) -> list[Path]:
    """Remove prepared objects.

    Returns
    -------
    list[Path]
        Files to be removed with :func:`tmlib.objects.values.feature_files.remove` after the commit.

    Raises
    ------
    NotFound
        If the site was deleted in the meantime.
    """
    place, experiment_id = dropped.place, dropped.storage.experiment_id
    lock_site(session, experiment_id, place.site_id)
    query = _segmentations(experiment_id, place.mapobject_type_id, place.tpoint, place.zplane)
    query = query.where(Mapobject.ref_id == place.site_id)
    layers: set[int] = set()
    for labels in parts(dropped.labels):
        rows = session.execute(
            query.with_only_columns(
                Mapobject.id,
                MapobjectSegmentation.id.label("segmentation_id"),
                MapobjectSegmentation.segmentation_layer_id,
            ).where(MapobjectSegmentation.label.in_(labels))
        ).all()
        layers.update(row.segmentation_layer_id for row in rows)
        _delete(
            session, experiment_id, [row.segmentation_id for row in rows], [row.id for row in rows]
        )
    for layer_id in sorted(layers):
        note_change(session, layer_id)
    return replace_file(session, dropped.storage, place, dropped.feature_file, dropped.n_rows)


def _segmentations(
    experiment_id: int, mapobject_type_id: int, tpoint: int, zplane: int
) -> Select[Any]:
    """Objects of a type with their outlines at a time point and plane."""
    layers = SegmentationLayer
    return (
        select(Mapobject.id)
        .join(
            MapobjectSegmentation,
            (MapobjectSegmentation.experiment_id == Mapobject.experiment_id)
            & (MapobjectSegmentation.mapobject_id == Mapobject.id),
        )
        .join(
            SegmentationLayer, SegmentationLayer.id == MapobjectSegmentation.segmentation_layer_id
        )
        .where(
            Mapobject.experiment_id == experiment_id,
            Mapobject.mapobject_type_id == mapobject_type_id,
            layers.mapobject_type_id == mapobject_type_id,
            layers.tpoint == tpoint,
            layers.zplane == zplane,
        )
    )


def _delete(
    session: Session, experiment_id: int, segmentation_ids: list[int], object_ids: list[int]
) -> None:
    """Delete outlines, and the objects that have no other outlines."""
    session.execute(
        delete(MapobjectSegmentation)
        .where(
            MapobjectSegmentation.experiment_id == experiment_id,
            MapobjectSegmentation.id.in_(segmentation_ids),
        )
        .execution_options(synchronize_session=False)
    )
    has_other = exists().where(
        MapobjectSegmentation.experiment_id == Mapobject.experiment_id,
        MapobjectSegmentation.mapobject_id == Mapobject.id,
    )
    session.execute(
        delete(Mapobject)
        .where(Mapobject.experiment_id == experiment_id, Mapobject.id.in_(object_ids), ~has_other)
        .execution_options(synchronize_session=False)
    )
