"""Recording new values of existing objects.

These are the sites themselves, objects of the static type ``Sites`` whose outlines come from the
layout, and stored objects that a pipeline uses as input: only the values are new.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tmlib.db import Database
from tmlib.errors import BadInput, NotFound
from tmlib.objects.mapobject_types import ensure_features
from tmlib.objects.models import Feature, FeatureValueFile, Mapobject
from tmlib.objects.values import feature_files
from tmlib.objects.values.compaction import feature_keys
from tmlib.objects.writing.recording import (
    Place,
    check_feature_names,
    lock_site,
    replace_file,
    table_of_site,
    values_by_label,
)
from tmlib.objects.writing.value_updates import merge_values
from tmlib.storage import ExperimentStorage

SITES = "Sites"
"""Name of the type."""

_LABEL = 1


@dataclass(frozen=True)
class PreparedValues:
    """Values in a file; :func:`record_values` makes it visible."""

    storage: ExperimentStorage
    place: Place
    feature_keys: tuple[str, ...]
    feature_file: Path
    n_rows: int


def prepare_site_values(
    database: Database, storage: ExperimentStorage, place: Place, measurements: pd.DataFrame
) -> PreparedValues:
    """Write the values of a site into a file, outside any transaction.

    Parameters
    ----------
    database, storage
        Database and storage of the experiment.
    place
        The type ``Sites``, the site, time point and plane.
    measurements
        One row, of label 1, and one float column per feature.

    Raises
    ------
    BadInput
        If the number of rows is not one, or a feature's name cannot be used.
    NotFound
        If the site has no outline.
    """
    keys = check_feature_names(measurements)
    labels = np.array([_LABEL], np.int32)
    values = values_by_label(measurements, labels)
    with database.session() as session:
        object_id = session.scalar(
            select(Mapobject.id).where(
                Mapobject.experiment_id == storage.experiment_id,
                Mapobject.mapobject_type_id == place.mapobject_type_id,
                Mapobject.ref_id == place.site_id,
            )
        )
    if object_id is None:
        raise NotFound(
            f"Site {place.site_id} is not on the map: submit the workflow again from stage "
            '"pyramid_creation".'
        )
    path = feature_files.new_path(
        storage, place.mapobject_type_id, place.tpoint, place.zplane, place.site_id
    )
    ids = np.array([object_id], np.int64)
    feature_files.write(path, keys, [table_of_site(keys, ids, labels, place.site_id, values)])
    return PreparedValues(storage, place, keys, path, 1)


def prepare_stored_values(
    database: Database, storage: ExperimentStorage, place: Place, measurements: pd.DataFrame
) -> PreparedValues:
    """Write new values of stored objects into a file, together with those that they have.

    Parameters
    ----------
    database, storage
        Database and storage of the experiment.
    place
        The type of the objects, the site, time point and plane.
    measurements
        One row per label and one float column per feature. Stored objects without a row lack these
        values.

    Raises
    ------
    BadInput
        If there are rows for other objects, or a feature's name cannot be used.
    """
    keys = check_feature_names(measurements)
    with database.session() as session:
        known = feature_keys(session, place.mapobject_type_id)
        listed = feature_files.list_files(
            session, storage, place.mapobject_type_id, site_id=place.site_id
        )
    files = [file for file in listed if (file.tpoint, file.zplane) == (place.tpoint, place.zplane)]
    parts = list(feature_files.merge(files, known, site_ids={place.site_id}))
    stored = pa.concat_tables([feature_files.schema(known).empty_table(), *parts])
    labels = stored["label"].to_numpy()
    unknown = measurements.index.difference(labels)
    if len(unknown):
        raise BadInput(
            f"{len(unknown)} stored objects of site {place.site_id} have no values that new ones "
            f"could be added to, the first with label {unknown[0]}: find the objects anew."
        )
    table = merge_values(stored, keys, measurements.reindex(labels))
    path = feature_files.new_path(
        storage, place.mapobject_type_id, place.tpoint, place.zplane, place.site_id
    )
    written = [name for name in table.column_names if name not in feature_files.IDENTIFIERS]
    feature_files.write(path, written, [table])
    return PreparedValues(storage, place, keys, path, table.num_rows)


def record_values(session: Session, prepared: PreparedValues) -> list[Path]:
    """Replace values with the prepared ones.

    Returns
    -------
    list[Path]
        Files to be removed with :func:`tmlib.objects.values.feature_files.remove` after the commit.

    Raises
    ------
    NotFound
        If the site was deleted in the meantime.
    """
    experiment_id = prepared.storage.experiment_id
    lock_site(session, experiment_id, prepared.place.site_id)
    ensure_features(session, experiment_id, prepared.place.mapobject_type_id, prepared.feature_keys)
    return replace_file(
        session, prepared.storage, prepared.place, prepared.feature_file, prepared.n_rows
    )


def forget_values(
    session: Session, storage: ExperimentStorage, mapobject_type_id: int
) -> list[Path]:
    """Delete all features of a type with their values; its objects remain.

    Returns
    -------
    list[Path]
        Files to be removed with :func:`tmlib.objects.values.feature_files.remove` after the commit.
    """
    files = FeatureValueFile
    paths = session.scalars(
        delete(files).where(files.mapobject_type_id == mapobject_type_id).returning(files.path)
    ).all()
    session.execute(delete(Feature).where(Feature.mapobject_type_id == mapobject_type_id))
    return [storage.root / path for path in paths]
