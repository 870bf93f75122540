"""Values of the sites themselves, such as how good their images are.

Sites are objects of the static type ``Sites``: their outlines come from the layout, and only the
values from an analysis.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tmlib.db import Database
from tmlib.errors import NotFound
from tmlib.objects import feature_files
from tmlib.objects.mapobject_types import ensure_features
from tmlib.objects.models import Feature, FeatureValueFile, Mapobject
from tmlib.objects.recording import (
    Place,
    check_feature_names,
    lock_site,
    replace_file,
    table_of_site,
    values_by_label,
)
from tmlib.storage import ExperimentStorage

SITES = "Sites"
"""Name of the type."""

_LABEL = 1


@dataclass(frozen=True)
class PreparedSiteValues:
    """Values of a site in a file that is written; :func:`record_site_values` makes it visible."""

    storage: ExperimentStorage
    place: Place
    feature_keys: tuple[str, ...]
    feature_file: Path


def prepare_site_values(
    database: Database, storage: ExperimentStorage, place: Place, measurements: pd.DataFrame
) -> PreparedSiteValues:
    """Write the values of a site into a file, outside any transaction.

    Parameters
    ----------
    database, storage
        Of the experiment.
    place
        The type ``Sites``, the site, time point and plane.
    measurements
        One row, of label 1, and one float column per feature.

    Raises
    ------
    BadInput
        If there is another number of rows, or a feature's name cannot be used.
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
    ids = range(object_id, object_id + 1)
    feature_files.write(path, keys, [table_of_site(keys, ids, labels, place.site_id, values)])
    return PreparedSiteValues(storage, place, keys, path)


def record_site_values(session: Session, prepared: PreparedSiteValues) -> list[Path]:
    """Make prepared values visible, in place of those that the site had so far.

    Returns
    -------
    list[Path]
        Files to be removed with :func:`tmlib.objects.feature_files.remove` after the commit.

    Raises
    ------
    NotFound
        If the site was deleted in the meantime.
    """
    experiment_id = prepared.storage.experiment_id
    lock_site(session, experiment_id, prepared.place.site_id)
    ensure_features(session, experiment_id, prepared.place.mapobject_type_id, prepared.feature_keys)
    return replace_file(session, prepared.storage, prepared.place, prepared.feature_file, 1)


def forget_values(
    session: Session, storage: ExperimentStorage, mapobject_type_id: int
) -> list[Path]:
    """Delete all features of a type with their values; its objects stay.

    Returns
    -------
    list[Path]
        Files to be removed with :func:`tmlib.objects.feature_files.remove` after the commit.
    """
    files = FeatureValueFile
    paths = session.scalars(
        delete(files).where(files.mapobject_type_id == mapobject_type_id).returning(files.path)
    ).all()
    session.execute(delete(Feature).where(Feature.mapobject_type_id == mapobject_type_id))
    return [storage.root / path for path in paths]
