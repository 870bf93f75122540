"""Storing uploaded label images like those of a workflow."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tmlib.db import Database
from tmlib.errors import Conflict
from tmlib.images.alignment import Residues, pad
from tmlib.images.label_images import LabelImage, write_labels
from tmlib.objects.models import MapobjectType
from tmlib.objects.service import get_mapobject_type
from tmlib.objects.values import feature_files
from tmlib.objects.writing.recording import prepare_site_objects, record
from tmlib.storage import ExperimentStorage


@dataclass(frozen=True)
class SitePlane:
    """Where the objects of a label image belong.

    Attributes
    ----------
    site_id, field
        The site, and the folder of its images.
    offset
        (y, x) of the label image's upper left corner in map pixels.
    residues
        Rows and columns of the site's images that the label image lacks at each side.
    tpoint, zplane
        The plane of the site.
    n_tpoints, n_zplanes
        Number of planes of the site.
    pixel_size
        Width and height of a pixel in micrometres, if known.
    """

    site_id: int
    field: Path
    offset: tuple[int, int]
    residues: Residues
    tpoint: int
    zplane: int
    n_tpoints: int
    n_zplanes: int
    pixel_size: float | None


def check_is_segmented(mapobject_type: MapobjectType) -> None:
    """Check that objects of a type come from label images.

    Raises
    ------
    Conflict
        If they are made from the layout of the plates.
    """
    if mapobject_type.is_static:
        raise Conflict(
            f'"{mapobject_type.name}" are made from the layout of the plates: '
            "create an object type of your own."
        )


def store_segmentation(
    database: Database,
    storage: ExperimentStorage,
    *,
    mapobject_type_id: int,
    plane: SitePlane,
    labels: LabelImage,
    measurements: pd.DataFrame | None = None,
) -> None:
    """Store a label image and its objects, replacing objects of this type in the same plane.

    Everything becomes visible at once, or nothing does.

    Parameters
    ----------
    database, storage
        Database and storage of the experiment.
    mapobject_type_id
        Type of the objects.
    plane
        Where they belong.
    labels
        (y, x), int32, background 0.
    measurements
        Uploaded measurements: a row for each label, a column for each feature.

    Raises
    ------
    NotFound
        If type or site were deleted in the meantime.
    Conflict
        If the objects of the type are made from the layout of the plates.
    """
    prepared = prepare_site_objects(
        database,
        storage,
        mapobject_type_id=mapobject_type_id,
        site_id=plane.site_id,
        site_offset=plane.offset,
        tpoint=plane.tpoint,
        zplane=plane.zplane,
        labels=labels,
        measurements=pd.DataFrame() if measurements is None else measurements,
    )
    try:
        with database.transaction() as session:
            found = get_mapobject_type(session, storage.experiment_id, mapobject_type_id)
            check_is_segmented(found)
            outdated = record(session, prepared)
            # while the site is locked, so that one of two simultaneous uploads wins completely
            write_labels(
                plane.field,
                found.name,
                pad(labels, plane.residues),
                t=plane.tpoint,
                z=plane.zplane,
                n_tpoints=plane.n_tpoints,
                n_zplanes=plane.n_zplanes,
                pixel_size=plane.pixel_size,
            )
    except BaseException:
        feature_files.remove([prepared.feature_file])
        raise
    feature_files.remove(outdated)
