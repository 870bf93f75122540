"""Adding uploaded feature values to stored objects."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.db import Database
from tmlib.errors import BadInput, Conflict, NotFound
from tmlib.objects.mapobject_types import ensure_features
from tmlib.objects.models import Feature
from tmlib.objects.service import get_mapobject_type
from tmlib.objects.values import feature_files
from tmlib.objects.values.feature_files import IDENTIFIERS, FeatureFile, Vanished
from tmlib.objects.writing.recording import Place, check_feature_names, lock_site, replace_file
from tmlib.objects.writing.segmentations import check_is_segmented
from tmlib.storage import ExperimentStorage

_ATTEMPTS = 3
_MAX_NAMED = 10  # labels that a message lists


class _Changed(Exception):  # noqa: N818 - a signal, no fault
    """The objects of a site were replaced while their values were being written."""


def add_feature_values(
    database: Database,
    storage: ExperimentStorage,
    *,
    mapobject_type_id: int,
    site_id: int,
    tpoint: int,
    zplane: int | None,
    measurements: pd.DataFrame,
) -> None:
    """Store values of all objects of a site; they become visible in one transaction.

    Values of other features are kept.

    Parameters
    ----------
    database, storage
        Of the experiment.
    mapobject_type_id, site_id, tpoint, zplane
        The objects; the plane may be omitted if only one of them has objects.
    measurements
        One row per label (index) and one float column per feature; features that do not exist
        are created.

    Raises
    ------
    NotFound
        If there is no such type, or it has no objects there.
    BadInput
        If the labels are not those of the objects, a name cannot be used, or the plane is
        ambiguous.
    Conflict
        If the objects are made from the layout of the plates, if a feature was renamed from one
        of the names, or if the objects are replaced again and again in the meantime.
    """
    names = check_feature_names(measurements)
    for _ in range(_ATTEMPTS):
        with database.session() as session:
            found = get_mapobject_type(session, storage.experiment_id, mapobject_type_id)
            check_is_segmented(found)
            known = _keys_by_name(session, mapobject_type_id)
            listed = feature_files.list_files(session, storage, mapobject_type_id)
        files = [file for file in listed if file.tpoint == tpoint]
        keys = _choose_keys(known, names)
        try:
            plane, stored = _read_plane(files, [*known.values()], site_id, zplane, found.name)
            table = merge_values(stored, keys, measurements)
            place = Place(mapobject_type_id, site_id, tpoint, plane)
            _replace(database, storage, place, files, keys, table)
        except (_Changed, Vanished):
            continue
        return
    raise Conflict("The objects of this site are being replaced: send their values again later.")


def _keys_by_name(session: Session, mapobject_type_id: int) -> dict[str, str]:
    """Columns of the features of a type by their names, in order of the features' ids."""
    rows = session.execute(
        select(Feature.name, Feature.key)
        .where(Feature.mapobject_type_id == mapobject_type_id)
        .order_by(Feature.id)
    )
    return dict(rows.all())


def _choose_keys(known: dict[str, str], names: Sequence[str]) -> list[str]:
    """Columns of the features with these names, existing or not."""
    renamed = {key: name for name, key in known.items() if name != key}
    for name in names:
        if name not in known and name in renamed:
            raise Conflict(
                f'The feature "{name}" is called "{renamed[name]}" now: send its values under '
                "that name, or choose another one."
            )
    return [known.get(name, name) for name in names]


def _read_plane(
    files: Sequence[FeatureFile],
    keys: Sequence[str],
    site_id: int,
    zplane: int | None,
    type_name: str,
) -> tuple[int, Any]:
    """The plane with objects of a site, and their stored rows (``pyarrow.Table``)."""
    found: dict[int, Any] = {}
    for plane in sorted({file.zplane for file in files}):
        if zplane in (None, plane):
            of_plane = [file for file in files if file.zplane == plane]
            tables = list(feature_files.merge(of_plane, keys, site_ids={site_id}))
            if tables:
                found[plane] = pa.concat_tables(tables)
    if not found:
        raise NotFound(
            f'There are no "{type_name}" at this site, time point and plane that could have '
            "values: upload their segmentation first."
        )
    if len(found) > 1:
        raise BadInput(
            f'There are "{type_name}" in the planes {", ".join(map(str, found))} of this site: '
            'say which of them with "zplane".'
        )
    return found.popitem()


def merge_values(stored: Any, keys: Sequence[str], measurements: pd.DataFrame) -> Any:
    """The stored rows, with columns replaced by the measured ones."""
    labels = stored["label"].to_numpy()
    measured = measurements.index.to_numpy(dtype=np.int64)
    _check_labels(labels, measured)
    values = measurements.to_numpy(dtype=np.float64)[measured.argsort()]
    columns = {name: stored[name] for name in stored.column_names}
    columns |= {key: pa.array(column) for key, column in zip(keys, values.T, strict=True)}
    all_keys = [name for name in columns if name not in IDENTIFIERS]
    return pa.table([*columns.values()], schema=feature_files.schema(all_keys))


def _check_labels(labels: NDArray[np.int32], measured: NDArray[np.int64]) -> None:
    found, counts = np.unique(measured, return_counts=True)
    if counts.max(initial=0) > 1:
        raise BadInput(
            f"There are several rows of values for label {_listed(found[counts > 1])}: send one."
        )
    if len(unknown := np.setdiff1d(measured, labels)):
        raise BadInput(
            f"There is no object with label {_listed(unknown)} at this site: its objects have "
            f"{len(labels)} labels from {labels.min()} to {labels.max()}."
        )
    if len(missing := np.setdiff1d(labels, measured)):
        raise BadInput(
            f"There are no values for label {_listed(missing)}: send a row for each of the "
            f"{len(labels)} objects of the site, with null where nothing was measured."
        )


def _listed(labels: NDArray[np.int64]) -> str:
    text = ", ".join(map(str, labels[:_MAX_NAMED].tolist()))
    return text if len(labels) <= _MAX_NAMED else f"{text} and {len(labels) - _MAX_NAMED} others"


def _replace(
    database: Database,
    storage: ExperimentStorage,
    place: Place,
    files: Sequence[FeatureFile],
    keys: Sequence[str],
    table: Any,
) -> None:
    """Write the rows of a site and make them visible, if nothing has changed since `files`."""
    path = feature_files.new_path(
        storage, place.mapobject_type_id, place.tpoint, place.zplane, place.site_id
    )
    all_keys = [name for name in table.column_names if name not in IDENTIFIERS]
    try:
        feature_files.write(path, all_keys, [table])
        with database.transaction() as session:
            lock_site(session, storage.experiment_id, place.site_id)
            get_mapobject_type(session, storage.experiment_id, place.mapobject_type_id)
            listed = feature_files.list_files(session, storage, place.mapobject_type_id)
            if _of_site(listed, place) != _of_site(files, place):
                raise _Changed
            ensure_features(session, storage.experiment_id, place.mapobject_type_id, keys)
            outdated = replace_file(session, storage, place, path, table.num_rows)
    except BaseException:
        feature_files.remove([path])
        raise
    feature_files.remove(outdated)


def _of_site(files: Sequence[FeatureFile], place: Place) -> list[FeatureFile]:
    """The files that contain a site's rows."""
    return [
        file
        for file in files
        if (file.tpoint, file.zplane) == (place.tpoint, place.zplane)
        and file.site_id in (None, place.site_id)
    ]
