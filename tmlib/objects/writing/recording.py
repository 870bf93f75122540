"""Recording the objects of a site: prepared outside a transaction, recorded inside one.

Preparing takes long and has no visible effect: it draws outlines, reserves ids and writes the file
of feature values. Recording is short and makes all of it visible together with the state of its
job.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from numpy.typing import NDArray
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from tmlib.db import Database
from tmlib.db.spatial import bulk_insert, index_boxes
from tmlib.errors import BadInput, NotFound
from tmlib.experiments.models import Site
from tmlib.objects.mapobject_types import ensure_features, ensure_layer
from tmlib.objects.models import EmptySite, FeatureValueFile, Mapobject, MapobjectSegmentation
from tmlib.objects.values import feature_files
from tmlib.objects.versions import note_change
from tmlib.objects.writing.object_ids import (
    Ids,
    delete_outlines,
    ids_by_label,
    ids_of_site,
    reserve_ids,
)
from tmlib.objects.writing.outlines import outlines
from tmlib.storage import ExperimentStorage


class Place(NamedTuple):
    """The objects of a file of feature values: their type, site, time point and plane."""

    mapobject_type_id: int
    site_id: int
    tpoint: int
    zplane: int


@dataclass(frozen=True)
class PreparedSiteObjects:
    """Input of :func:`record`; all arrays have one entry per object, in the order of labels.

    Attributes
    ----------
    storage, mapobject_type_id, site_id, tpoint, zplane, as_polygons
        Where the objects belong.
    mapobject_ids
        Their ids: existing ones of objects with these labels, or new ones.
    segmentation_ids
        Ids reserved for their outlines.
    labels
        Numbers in the label image, ascending; int32.
    is_border
        Whether the object touches the border of its site; bool.
    centroids
        (y, x) in map pixels, shape (n, 2), float64.
    geometries
        shapely geometries in map pixels: outlines, or centroids if only points are stored.
    feature_keys
        Names of the features, in the order of the pipeline.
    feature_file
        File with their values, already written.
    """

    storage: ExperimentStorage
    mapobject_type_id: int
    site_id: int
    tpoint: int
    zplane: int
    as_polygons: bool
    mapobject_ids: Ids
    segmentation_ids: range
    labels: NDArray[np.int32]
    is_border: NDArray[np.bool_]
    centroids: NDArray[np.float64]
    geometries: NDArray[Any]
    feature_keys: tuple[str, ...]
    feature_file: Path

    @property
    def ids_by_label(self) -> dict[int, int]:
        """Ids of the objects by label."""
        return dict(zip(self.labels.tolist(), self.mapobject_ids.tolist(), strict=True))


def prepare_site_objects(
    database: Database,
    storage: ExperimentStorage,
    *,
    mapobject_type_id: int,
    site_id: int,
    site_offset: tuple[int, int],
    tpoint: int,
    zplane: int,
    labels: NDArray[np.int32],
    measurements: pd.DataFrame,
    as_polygons: bool = True,
    prepared_ids: Mapping[int, int] | None = None,
) -> PreparedSiteObjects:
    """Prepare the objects of a site for recording, outside any transaction.

    Parameters
    ----------
    database
        Database that assigns ids.
    storage
        Folders of the experiment, where the file of feature values is written.
    mapobject_type_id
        Type of the objects.
    site_id
        Site that the image belongs to.
    site_offset
        (y, x) of the image's upper left corner in map pixels.
    tpoint, zplane
        Time point and plane of the image.
    labels
        Label image (y, x), int32, background 0.
    measurements
        One row per label (index) and one float column per feature, in the order in which features
        are listed. No columns if nothing was measured.
    as_polygons
        False stores points instead of outlines.
    prepared_ids
        Ids by label of objects that were prepared for other time points and planes of the site but
        are not recorded yet.

    Raises
    ------
    BadInput
        If measurements and label image do not have the same objects, or a feature's name
        cannot be used.
    """
    keys = check_feature_names(measurements)
    numbers, centroids = _centroids(labels)
    values = values_by_label(measurements, numbers)
    centroids += site_offset
    geometries = _geometries(labels, numbers, centroids, site_offset, as_polygons)
    with database.session() as session:
        known = ids_of_site(session, storage.experiment_id, mapobject_type_id, site_id)
    mapobject_ids, segmentation_ids = reserve_ids(
        database, known | dict(prepared_ids or {}), numbers
    )
    path = feature_files.new_path(storage, mapobject_type_id, tpoint, zplane, site_id)
    table = table_of_site(keys, mapobject_ids, numbers, site_id, values)
    feature_files.write(path, keys, [table])
    return PreparedSiteObjects(
        storage=storage,
        mapobject_type_id=mapobject_type_id,
        site_id=site_id,
        tpoint=tpoint,
        zplane=zplane,
        as_polygons=as_polygons,
        mapobject_ids=mapobject_ids,
        segmentation_ids=segmentation_ids,
        labels=numbers,
        is_border=np.isin(numbers, _border_labels(labels)),
        centroids=centroids,
        geometries=geometries,
        feature_keys=keys,
        feature_file=path,
    )


def table_of_site(
    keys: tuple[str, ...],
    mapobject_ids: Ids,
    numbers: NDArray[np.int32],
    site_id: int,
    values: NDArray[np.float64],
) -> pa.Table:
    """The rows of a site's file."""
    identifiers = [
        mapobject_ids,
        numbers,
        np.full(len(numbers), site_id, dtype=np.int32),
    ]
    return pa.table([*identifiers, *values.T], schema=feature_files.schema(keys))


def check_feature_names(measurements: pd.DataFrame) -> tuple[str, ...]:
    """Names of the features; raises :exc:`BadInput` if one cannot be used."""
    keys = tuple(str(name) for name in measurements.columns)
    for key in keys:
        if not 0 < len(key) <= 255 or key in feature_files.IDENTIFIERS:
            raise BadInput(f'A feature cannot be named "{key[:80]}": choose another name.')
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise BadInput(f'The feature "{twice}" is measured twice: remove one of the measurements.')
    return keys


def values_by_label(measurements: pd.DataFrame, numbers: NDArray[np.int32]) -> NDArray[np.float64]:
    """Values (object, feature) in the order of the labels."""
    if not len(measurements.columns):
        return np.empty((len(numbers), 0))
    order = measurements.index.to_numpy().argsort()
    measured = measurements.index.to_numpy()[order]
    if not np.array_equal(measured, numbers):
        raise BadInput(
            f"There are {len(numbers)} objects in the label image but {len(measured)} rows of "
            "measurements, or their labels differ: measure the objects that are registered."
        )
    return measurements.to_numpy(dtype=np.float64)[order]


def _centroids(labels: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Labels in ascending order, and the centre (y, x) of the pixels of each."""
    pixels = np.flatnonzero(labels)
    rows, columns = np.divmod(pixels, labels.shape[1])
    codes, found = pd.factorize(labels.ravel()[pixels], sort=True)
    sizes = np.bincount(codes, minlength=len(found))
    sums = [np.bincount(codes, weights=values, minlength=len(found)) for values in (rows, columns)]
    centres = np.stack(sums, axis=1) / sizes[:, np.newaxis] + 0.5
    return np.asarray(found, dtype=np.int32), centres


def _geometries(
    labels: NDArray[np.int32],
    numbers: NDArray[np.int32],
    centroids: NDArray[np.float64],
    site_offset: tuple[int, int],
    as_polygons: bool,
) -> NDArray[Any]:
    if not as_polygons:
        return np.asarray(shapely.points(centroids[:, ::-1]))
    drawn = outlines(labels)
    geometries = np.array([drawn[number] for number in numbers.tolist()], dtype=object)
    offset = np.array(site_offset[::-1], dtype=np.float64)
    return np.asarray(shapely.transform(geometries, lambda points: points + offset))


def _border_labels(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    return np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))


def record(session: Session, prepared: PreparedSiteObjects) -> list[Path]:
    """Replace the objects of a site with prepared ones.

    Outlines of this type at this site, time point and plane are replaced. An object that has others
    remains there, and keeps its id. Recording the same objects twice does not duplicate them, and
    two transactions that record the same site wait for each other.

    Parameters
    ----------
    session
        Session of a write transaction.
    prepared
        Result of :func:`prepare_site_objects`.

    Returns
    -------
    list[Path]
        Files to be removed with :func:`tmlib.objects.values.feature_files.remove` after the commit;
        until then, they are still in use.

    Raises
    ------
    NotFound
        If the site or the type was deleted in the meantime.
    """
    experiment_id = prepared.storage.experiment_id
    lock_site(session, experiment_id, prepared.site_id)
    layer_id = ensure_layer(
        session,
        prepared.mapobject_type_id,
        prepared.tpoint,
        prepared.zplane,
        as_polygons=prepared.as_polygons,
    )
    ensure_features(session, experiment_id, prepared.mapobject_type_id, prepared.feature_keys)
    place = Place(prepared.mapobject_type_id, prepared.site_id, prepared.tpoint, prepared.zplane)
    settled = _settle_ids(session, prepared)
    n_rows = len(settled.labels)
    outdated = replace_file(session, settled.storage, place, settled.feature_file, n_rows)
    if settled.feature_file != prepared.feature_file:
        outdated.append(prepared.feature_file)
    mapobject_ids = settled.mapobject_ids.tolist()
    left = delete_outlines(
        session,
        experiment_id,
        settled.mapobject_type_id,
        settled.site_id,
        layer_id,
        keep=set(mapobject_ids),
    )
    insert_objects(
        session,
        experiment_id=experiment_id,
        mapobject_type_id=settled.mapobject_type_id,
        layer_id=layer_id,
        ref_ids=[settled.site_id] * n_rows,
        mapobject_ids=mapobject_ids,
        segmentation_ids=settled.segmentation_ids,
        labels=settled.labels.tolist(),
        is_border=settled.is_border.tolist(),
        centroids=settled.centroids,
        geometries=settled.geometries,
        present=left,
    )
    return outdated


def _settle_ids(session: Session, prepared: PreparedSiteObjects) -> PreparedSiteObjects:
    """The same with ids that others have given to the objects of this site since."""
    known = ids_of_site(
        session, prepared.storage.experiment_id, prepared.mapobject_type_id, prepared.site_id
    )
    ids = ids_by_label(known, prepared.labels, prepared.mapobject_ids)
    if np.array_equal(ids, prepared.mapobject_ids):
        return prepared
    path = feature_files.new_path(
        prepared.storage,
        prepared.mapobject_type_id,
        prepared.tpoint,
        prepared.zplane,
        prepared.site_id,
    )
    feature_files.write_with_ids(prepared.feature_file, path, prepared.feature_keys, ids)
    return replace(prepared, mapobject_ids=ids, feature_file=path)


def lock_site(session: Session, experiment_id: int, site_id: int) -> None:
    """Lock a site, so that it is not deleted until the transaction ends.

    Raises
    ------
    NotFound
        If it was deleted already.
    """
    lock = (
        select(Site.id)
        .where(Site.id == site_id, Site.experiment_id == experiment_id)
        .with_for_update(key_share=True)
    )
    if session.scalar(lock) is None:
        raise NotFound(
            f"Site {site_id} was deleted while its objects were looked for: "
            "submit the workflow again from its first stage."
        )


def replace_file(
    session: Session, storage: ExperimentStorage, place: Place, file: Path, n_rows: int
) -> list[Path]:
    """List a file of feature values and return the one that it replaces.

    A file without rows means that the site is empty.
    """
    path = file.relative_to(storage.root).as_posix()
    outdated = session.scalars(
        delete(FeatureValueFile).filter_by(**place._asdict()).returning(FeatureValueFile.path)
    ).all()
    session.execute(
        insert(FeatureValueFile).values(
            experiment_id=storage.experiment_id, path=path, n_rows=n_rows, **place._asdict()
        )
    )
    session.execute(delete(EmptySite).filter_by(**place._asdict()))
    if not n_rows:
        session.add(EmptySite(experiment_id=storage.experiment_id, **place._asdict()))
    return [storage.root / old for old in outdated if old != path]


def insert_objects(
    session: Session,
    *,
    experiment_id: int,
    mapobject_type_id: int,
    layer_id: int,
    ref_ids: Sequence[int],
    mapobject_ids: Sequence[int],
    segmentation_ids: Sequence[int],
    labels: Sequence[int | None],
    is_border: Sequence[bool],
    centroids: NDArray[np.float64],
    geometries: NDArray[Any],
    present: Collection[int] = (),
) -> None:
    """Insert objects with one segmentation each, in bulk; sequences have one entry per object.

    For objects with an id in `present`, only the segmentation is inserted.

    The layer gets a new version, even without objects, because old ones may have been deleted. The
    type cannot be deleted during the transaction, because of :func:`ensure_layer`.
    """
    note_change(session, layer_id)
    experiment_ids = [experiment_id] * len(mapobject_ids)
    new = [one for one in zip(mapobject_ids, ref_ids, labels, strict=True) if one[0] not in present]
    bulk_insert(
        session,
        Mapobject,
        {
            "experiment_id": [experiment_id] * len(new),
            "id": [one[0] for one in new],
            "mapobject_type_id": [mapobject_type_id] * len(new),
            "ref_id": [one[1] for one in new],
            "label": [one[2] for one in new],
        },
    )
    bulk_insert(
        session,
        MapobjectSegmentation,
        {
            "experiment_id": experiment_ids,
            "id": segmentation_ids,
            "mapobject_id": mapobject_ids,
            "segmentation_layer_id": [layer_id] * len(mapobject_ids),
            "label": labels,
            "is_border": is_border,
            "centroid_y": centroids[:, 0].tolist(),
            "centroid_x": centroids[:, 1].tolist(),
            "outline": geometries,
        },
    )
    bounds = shapely.bounds(geometries).tolist()
    index_boxes(session, layer_id, zip(segmentation_ids, bounds, strict=True))
