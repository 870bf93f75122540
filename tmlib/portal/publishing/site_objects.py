"""Writes the objects of one site: points, and masks in which voxels are numbers of objects."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib import durable_files
from tmlib.errors import BadInput, Conflict, NotFound
from tmlib.images.alignment import Shift, crop
from tmlib.images.label_images import read_labels
from tmlib.objects.models import MapobjectType, SegmentationLayer
from tmlib.objects.writing.dropping import recorded_labels
from tmlib.portal.files import files_below
from tmlib.portal.publishing.description import ObjectsDescription
from tmlib.portal.publishing.drafts import Content, write_json
from tmlib.portal.publishing.naming import item_folder, plain
from tmlib.volumes import mrc, ome_zarr
from tmlib.volumes.blocks import Block
from tmlib.workflow.steps.plate_map import PlacedSite

_MOST_IN_FLOAT = 2**24


@dataclass(frozen=True)
class Objects:
    """The objects of a type at one time point, of which there may be none at a site.

    Attributes
    ----------
    described
        What is said of them.
    type_id
        Of the type.
    tpoint
        The time point.
    layers
        The focal planes that they were looked for in.
    """

    described: ObjectsDescription
    type_id: int
    tpoint: int
    layers: tuple[int, ...]


@dataclass(frozen=True)
class SiteObjects:
    """Those at a site.

    Attributes
    ----------
    described, tpoint
        As of all sites.
    labels
        The labels that are recorded, by the focal planes that they were looked for in.
    """

    described: ObjectsDescription
    tpoint: int
    labels: Mapping[int, set[int]]

    @property
    def numbers(self) -> NDArray[np.int64]:
        """All labels, ascending."""
        return np.array(sorted(set().union(*self.labels.values())), np.int64)


def read_objects(
    session: Session, experiment_id: int, described: list[ObjectsDescription]
) -> tuple[Objects, ...]:
    """Where objects of the types that are described were looked for.

    Raises
    ------
    BadInput
        If there is no type of a name, or its objects are not found in images.
    """
    found = []
    for one in described:
        layers = session.execute(
            select(MapobjectType.id, SegmentationLayer.tpoint, SegmentationLayer.zplane)
            .join(MapobjectType, MapobjectType.id == SegmentationLayer.mapobject_type_id)
            .where(
                MapobjectType.experiment_id == experiment_id,
                MapobjectType.name == one.mapobject_type,
                ~MapobjectType.is_static,
            )
        )
        planes: dict[tuple[int, int], list[int]] = defaultdict(list)
        for type_id, tpoint, zplane in layers:
            if tpoint is not None and zplane is not None:
                planes[type_id, tpoint].append(zplane)
        if not planes:
            raise BadInput(
                f'There are no objects "{one.mapobject_type}" that were found in images: '
                "describe only types that have some."
            )
        found += [
            Objects(one, type_id, tpoint, tuple(sorted(zplanes)))
            for (type_id, tpoint), zplanes in sorted(planes.items())
        ]
    return tuple(found)


def read_site_objects(
    session: Session, experiment_id: int, described: list[ObjectsDescription], site_id: int
) -> tuple[SiteObjects, ...]:
    """What is recorded of the objects of a site; raises what :func:`read_objects` does."""
    return tuple(
        SiteObjects(
            one.described,
            one.tpoint,
            {
                zplane: recorded_labels(
                    session, experiment_id, one.type_id, one.tpoint, [site_id], zplane
                )[site_id]
                for zplane in one.layers
            },
        )
        for one in read_objects(session, experiment_id, described)
    )


def write_objects(
    objects: tuple[SiteObjects, ...],
    place: PlacedSite,
    field: Path,
    zplanes: Mapping[int, tuple[int, ...]],
    folder: str,
    spacing: float,
    bucket: Path,
    file: Path,
) -> Iterator[Content]:
    """Write the objects of a site, of each type at each time point that it was analysed at.

    Parameters
    ----------
    objects
        What is recorded.
    place
        The site.
    field
        The folder of its images.
    zplanes
        The focal planes of its volumes, by time point.
    folder
        The key below which its volumes are.
    spacing
        Edge of a voxel in angstroms.
    bucket
        Takes files below their keys.
    file
        Has one volume after the other, since they may be larger than memory.

    Returns
    -------
    iterator of dict
        What rows will tell of the objects, in the order in which they were described.

    Raises
    ------
    Conflict
        If the stored labels are not those that are recorded.
    """
    index = 0
    for one in objects:
        volume = _read(one, place, field, zplanes.get(one.tpoint, ()), file)
        if volume is not None:
            yield _write(one, volume, item_folder(folder, "Annotations", index), spacing, bucket)
            index += 1


def _read(
    objects: SiteObjects, place: PlacedSite, field: Path, zplanes: tuple[int, ...], file: Path
) -> NDArray[Any] | None:
    """The labels (z, y, x) beside the images, None if the site was not analysed."""
    name, volume = objects.described.mapobject_type, None
    highest = max(objects.numbers, default=0)
    if highest > _MOST_IN_FLOAT:
        raise BadInput(f'The objects "{name}" have labels up to {highest}, which MRC cannot hold.')
    for zplane, recorded in objects.labels.items():
        labels = _read_plane(objects, place, field, zplane)
        if labels is None:
            continue
        if zplane not in zplanes:
            return None
        if volume is None:
            file.unlink(missing_ok=True)
            dtype = np.uint16 if highest < 2**16 else np.uint32
            volume = np.lib.format.open_memmap(file, "w+", dtype, (len(zplanes), *labels.shape))
        if recorded:
            volume[zplanes.index(zplane)] = labels
    return volume


def _read_plane(
    objects: SiteObjects, place: PlacedSite, field: Path, zplane: int
) -> NDArray[Any] | None:
    """The labels (y, x) of a focal plane, None if it was not analysed."""
    name, recorded = objects.described.mapobject_type, objects.labels[zplane]
    try:
        whole = read_labels(field, name, t=objects.tpoint, z=zplane)
    except NotFound:
        labels, stored = None, set()
    else:
        labels = crop(whole, Shift(0, 0), place.residues)
        stored = set(pd.unique(labels.ravel()).tolist()) - {0}
    if stored != recorded:
        raise Conflict(
            f'The label image of "{name}" at site {place.field} of well {place.well_name} has '
            "other objects than are recorded, as an analysis leaves them that did not end: run it "
            "again."
        )
    return labels


@dataclass(frozen=True)
class _Floats:
    """Labels as numbers that MRC can hold, block by block."""

    labels: NDArray[Any]
    dtype = np.dtype(np.float32)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.labels.shape

    def __getitem__(self, block: Block, /) -> NDArray[np.float32]:
        return self.labels[block].astype(np.float32)


def _write(
    objects: SiteObjects, labels: NDArray[Any], folder: str, spacing: float, bucket: Path
) -> Content:
    described, numbers = objects.described, objects.numbers
    stem = f"{folder}{plain(described.name)}-1.0"
    points = f"{stem}_point.ndjson"
    durable_files.write(bucket / points, _points(labels, numbers), sync="none")
    mask = f"{stem}_instancesegmask"
    ome_zarr.write(bucket / f"{mask}.zarr", labels, spacing, labels=True)
    mrc.write(
        bucket / f"{mask}.mrc",
        labels if labels.dtype == np.uint16 else _Floats(labels),
        spacing,
    )
    metadata = f"{folder}annotation_metadata.json"
    write_json(
        bucket / metadata,
        {
            **described.model_dump(mode="json"),
            "object_name": described.name,
            "tpoint": objects.tpoint,
            "object_count": len(numbers),
            "voxel_spacing": spacing,
            "files": [Path(key).name for key in (points, f"{mask}.zarr", f"{mask}.mrc")],
        },
    )
    return {
        "described": described.model_dump(mode="json"),
        "tpoint": objects.tpoint,
        "count": len(numbers),
        "metadata": metadata,
        "shapes": [
            {"type": "Point", "files": [_file(bucket, points, "ndjson")]},
            {
                "type": "InstanceSegmentationMask",
                "files": [_file(bucket, f"{mask}.{ending}", ending) for ending in ("zarr", "mrc")],
            },
        ],
    }


def _points(volume: NDArray[Any], numbers: NDArray[np.int64]) -> str:
    """The centre of each object in voxels, a line each, in the order of their labels."""
    sums, sizes = np.zeros((3, len(numbers))), np.zeros(len(numbers))
    for z, plane in enumerate(volume):
        y, x = np.nonzero(plane)
        places = np.searchsorted(numbers, plane[y, x])
        for axis, values in enumerate((np.full(len(y), z), y, x)):
            sums[axis] += np.bincount(places, values, minlength=len(numbers))
        sizes += np.bincount(places, minlength=len(numbers))
    lines = []
    for centre in (sums / sizes).T.tolist():
        location = {axis: round(value, 3) for axis, value in zip("zyx", centre, strict=True)}
        told = {"type": "point", "location": dict(sorted(location.items()))}
        lines.append(json.dumps(told) + "\n")
    return "".join(lines)


def _file(bucket: Path, key: str, form: str) -> Content:
    path = bucket / key
    files = [path] if path.is_file() else [file for _, file in files_below(path)]
    return {"key": key, "format": form, "size": sum(file.stat().st_size for file in files)}
