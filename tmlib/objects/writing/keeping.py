"""Keeping the results of an analysis at some sites, and deleting those at all others.

Values of both may be in one compacted file, which is rewritten before the transaction that deletes
everything else.
"""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from tmlib.db import Database
from tmlib.db.many import parts
from tmlib.objects.models import (
    EmptySite,
    FeatureValueFile,
    Mapobject,
    MapobjectSegmentation,
    SegmentationLayer,
)
from tmlib.objects.values import feature_files
from tmlib.objects.values.compaction import feature_keys
from tmlib.objects.values.feature_files import FeatureFile
from tmlib.objects.versions import note_change
from tmlib.storage import ExperimentStorage


@dataclass(frozen=True)
class KeptValues:
    """The values of some sites: files to be removed, and those that replace compacted ones."""

    storage: ExperimentStorage
    mapobject_type_id: int
    outdated: list[FeatureFile]
    written: list[FeatureFile]


def prepare_kept_values(
    database: Database,
    storage: ExperimentStorage,
    mapobject_type_id: int,
    site_ids: Collection[int],
) -> KeptValues:
    """Write the values of some sites from compacted files into new ones, outside a transaction.

    Compacted files that contain no other sites are left alone.
    """
    with database.session() as session:
        files = feature_files.list_files(session, storage, mapobject_type_id)
        keys = feature_keys(session, mapobject_type_id)
    outdated = [file for file in files if file.site_id is not None and file.site_id not in site_ids]
    compacted = [file for file in files if file.site_id is None]
    written = []
    for (tpoint, zplane), group in groupby(compacted, key=lambda file: (file.tpoint, file.zplane)):
        plane = list(group)
        if _is_about(plane, site_ids):
            continue
        path = feature_files.new_path(storage, mapobject_type_id, tpoint, zplane)
        kept = feature_files.merge(plane, keys, site_ids=site_ids)
        n_rows = feature_files.write(path, keys, kept)
        written.append(FeatureFile(path, None, tpoint, zplane, n_rows))
        outdated += plane
    return KeptValues(storage, mapobject_type_id, outdated, written)


def _is_about(files: list[FeatureFile], site_ids: Collection[int]) -> bool:
    """Whether files contain values of these sites and of no other."""
    wanted = list(site_ids)
    return all(
        np.isin(table["site_id"].to_numpy(), wanted).all()
        for table in feature_files.merge(files, [])
    )


def keep_values(session: Session, kept: KeptValues) -> list[Path]:
    """Replace all files with the prepared ones.

    Returns
    -------
    list[Path]
        Files to be removed with :func:`tmlib.objects.values.feature_files.remove` after the commit.
    """
    root = kept.storage.root
    paths = [file.path.relative_to(root).as_posix() for file in kept.outdated]
    for part in parts(paths):
        session.execute(delete(FeatureValueFile).where(FeatureValueFile.path.in_(part)))
    for file in kept.written:
        session.execute(
            insert(FeatureValueFile).values(
                experiment_id=kept.storage.experiment_id,
                mapobject_type_id=kept.mapobject_type_id,
                tpoint=file.tpoint,
                zplane=file.zplane,
                path=file.path.relative_to(root).as_posix(),
                n_rows=file.n_rows,
            )
        )
    return [file.path for file in kept.outdated]


def keep_objects(
    session: Session, experiment_id: int, mapobject_type_id: int, site_ids: Collection[int]
) -> None:
    """Delete the objects of a type at all other sites, and the records of empty sites.

    Deletion goes from the leaves up, so that no cascade has to look for single rows.
    """
    of_type = select(Mapobject.id).where(
        Mapobject.experiment_id == experiment_id, Mapobject.mapobject_type_id == mapobject_type_id
    )
    found = session.scalars(of_type.with_only_columns(Mapobject.ref_id).distinct())
    layer_ids = select(SegmentationLayer.id).where(
        SegmentationLayer.mapobject_type_id == mapobject_type_id
    )
    gone = set(found).difference(site_ids)
    known = select(EmptySite.site_id).where(EmptySite.mapobject_type_id == mapobject_type_id)
    for others in parts(set(session.scalars(known.distinct())).difference(site_ids)):
        session.execute(
            delete(EmptySite).where(
                EmptySite.mapobject_type_id == mapobject_type_id, EmptySite.site_id.in_(others)
            )
        )
    for layer_id in session.scalars(layer_ids).all() if gone else ():
        note_change(session, layer_id)
    for others in parts(gone):
        object_ids = of_type.where(Mapobject.ref_id.in_(others))
        for statement in (
            delete(MapobjectSegmentation).where(
                MapobjectSegmentation.experiment_id == experiment_id,
                MapobjectSegmentation.segmentation_layer_id.in_(layer_ids),
                MapobjectSegmentation.mapobject_id.in_(object_ids),
            ),
            delete(Mapobject).where(
                Mapobject.experiment_id == experiment_id,
                Mapobject.mapobject_type_id == mapobject_type_id,
                Mapobject.ref_id.in_(others),
            ),
        ):
            session.execute(statement.execution_options(synchronize_session=False))
