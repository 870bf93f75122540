"""Merging the many small files of feature values from an analysis into few large ones.

A column of a million objects is read a hundred times faster from one file than from thousands.
"""

from itertools import groupby

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from tmlib.db import Database
from tmlib.errors import Conflict
from tmlib.objects.models import Feature, FeatureValueFile
from tmlib.objects.values.feature_files import (
    FeatureFile,
    Vanished,
    list_files,
    merge,
    new_path,
    remove,
    write,
)
from tmlib.objects.versions import merge_changes
from tmlib.storage import ExperimentStorage

_ATTEMPTS = 3


class _Changed(Exception):  # noqa: N818 - a signal, no fault
    """Files were replaced while they were being merged."""


def compact(database: Database, storage: ExperimentStorage, mapobject_type_id: int) -> None:
    """Merge the files of a type into one per time point and plane, sorted by site and label.

    The new file replaces the old ones in one transaction; these are removed afterwards. Readers
    that have them open are not disturbed, and repeating the merge changes nothing. Values of
    deleted features are dropped, and the changes of layers are merged as well.

    Parameters
    ----------
    database
        Database that lists the files; must not be inside a transaction.
    storage
        Folders of the experiment.
    mapobject_type_id
        Type whose files are merged.

    Raises
    ------
    Conflict
        If the type's objects are recorded at the same time, again and again.
    """
    for _ in range(_ATTEMPTS):
        with database.session() as session:
            files = list_files(session, storage, mapobject_type_id)
            keys = feature_keys(session, mapobject_type_id)
        try:
            for _, plane in groupby(files, key=lambda file: (file.tpoint, file.zplane)):
                _compact_plane(database, storage, mapobject_type_id, list(plane), keys)
        except (_Changed, Vanished):
            continue
        with database.transaction() as session:
            merge_changes(session, mapobject_type_id)
        return
    raise Conflict(
        "Feature values could not be compacted because they are being recorded: "
        "repeat it when the analysis has ended."
    )


def feature_keys(session: Session, mapobject_type_id: int) -> list[str]:
    """Columns of the features of a type, in order of the features' ids."""
    return list(
        session.scalars(
            select(Feature.key)
            .where(Feature.mapobject_type_id == mapobject_type_id)
            .order_by(Feature.id)
        )
    )


def _compact_plane(
    database: Database,
    storage: ExperimentStorage,
    mapobject_type_id: int,
    files: list[FeatureFile],
    keys: list[str],
) -> None:
    if all(file.site_id is None for file in files):
        return
    tpoint, zplane = files[0].tpoint, files[0].zplane
    path = new_path(storage, mapobject_type_id, tpoint, zplane)
    n_rows = write(path, keys, merge(files, keys))
    try:
        with database.transaction() as session:
            _check_out(session, storage, files)
            session.execute(
                insert(FeatureValueFile).values(
                    experiment_id=storage.experiment_id,
                    mapobject_type_id=mapobject_type_id,
                    tpoint=tpoint,
                    zplane=zplane,
                    path=path.relative_to(storage.root).as_posix(),
                    n_rows=n_rows,
                )
            )
    except BaseException:
        remove([path])
        raise
    remove(file.path for file in files)


def _check_out(session: Session, storage: ExperimentStorage, files: list[FeatureFile]) -> None:
    """Remove files from the list; none may have been replaced since it was read.

    They are identified by their paths, which are never reused, while SQLite reuses row ids.
    """
    paths = [file.path.relative_to(storage.root).as_posix() for file in files]
    n_deleted = 0
    for start in range(0, len(paths), 10_000):  # SQLite limits the number of parameters
        deleted = session.execute(
            delete(FeatureValueFile)
            .where(FeatureValueFile.path.in_(paths[start : start + 10_000]))
            .returning(FeatureValueFile.path)
        )
        n_deleted += len(deleted.all())
    if n_deleted < len(files):
        raise _Changed
