"""The files that rows of the catalogue name, and what programs need to find them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection

from tmlib.db import texts
from tmlib.db.many import parts
from tmlib.portal.addresses import Place
from tmlib.portal.browsing import RunContent
from tmlib.portal.files import FileStore, FoundFile, PublishedFile, end_of, files_after
from tmlib.portal.point_files import is_of_points
from tmlib.volumes import ome_zarr

_WEB = ("http://", "https://")
# one of these is in the folder of a volume, by the version of Zarr
_DESCRIPTIONS = (".zattrs", "zarr.json")

# of each class: what a column names, in which format, and the column of its size
_NAMED: Mapping[str, Sequence[tuple[str, str, str | None]]] = {
    "Tiltseries": (
        ("mrc_file", "MRC", "file_size_mrc"),
        ("omezarr_dir", "OME-Zarr", "file_size_omezarr"),
        ("angle_list", "tilt angles", None),
    ),
    "Alignment": (("alignment_metadata", "JSON", None),),
    "Tomogram": (
        ("mrc_file", "MRC", "file_size_mrc"),
        ("omezarr_dir", "OME-Zarr", "file_size_omezarr"),
    ),
    "GainFile": (("file_path", "gain", None),),
    "FrameAcquisitionFile": (("mdoc_path", "mdoc", None),),
}
_CALLED = {
    "Tiltseries": "Tilt series",
    "GainFile": "Gain",
    "FrameAcquisitionFile": "Frame acquisition",
}


@dataclass(frozen=True)
class Voxels:
    """What a volume of images is divided into.

    Attributes
    ----------
    spacing
        Edge of a voxel in angstroms.
    size
        How many there are along x, y and z.
    is_default
        Whether it is the one to show first.
    """

    spacing: float
    size: tuple[int, int, int]
    is_default: bool


@dataclass(frozen=True)
class NamedFile:
    """A file, or a folder of them, that a row names.

    Attributes
    ----------
    label, format
        What it is.
    place
        As S3 has it, if that is told.
    web
        Its address of HTTP elsewhere, if that is told.
    size
        In bytes, if that is known.
    is_folder
        Whether it is a folder.
    is_labels
        Whether it is a volume of the numbers of objects.
    voxels
        Of a tomogram.
    points
        The number of its row if it has points.
    """

    label: str
    format: str
    place: Place | None
    web: str | None
    size: float | None
    is_folder: bool = False
    is_labels: bool = False
    voxels: Voxels | None = None
    points: int | None = None


def files_of(content: RunContent, store: str) -> list[NamedFile]:
    """What the rows of a run name.

    Parameters
    ----------
    content
        The run.
    store
        The address of this server's buckets, without a slash at its end.
    """
    found: list[NamedFile] = []
    for name, columns in _NAMED.items():
        for row in content.rows.get(name, ()):
            label = f"{_CALLED.get(name, name)} {row['id']}"
            for column, form, size in columns:
                named = _named(label, form, row, column, row[size] if size else None, store)
                if name == "Tomogram" and form == "OME-Zarr":
                    named = (replace(one, voxels=_voxels_of(row)) for one in named)
                found += named
    for annotation in content.rows.get("Annotation", ()):
        label = f"{annotation['object_name']} (annotation {annotation['id']})"
        for file in annotation["files"]:
            is_zarr = file["format"] == "zarr"
            form = "OME-Zarr" if is_zarr else str(file["format"])
            shown = f"{label}, {file['shape_type']}"
            size = file["file_size"]
            points = file["id"] if is_of_points(file) else None
            found += (
                replace(one, is_labels=is_zarr, points=points)
                for one in _named(shown, form, file, "path", size, store)
            )
    return found


def _voxels_of(tomogram: Mapping[str, Any]) -> Voxels:
    x, y, z = (tomogram[f"size_{axis}"] for axis in "xyz")
    is_default = bool(tomogram["is_visualization_default"])
    return Voxels(tomogram["voxel_spacing"], (x, y, z), is_default)


def _named(
    label: str,
    form: str,
    row: Mapping[str, Any],
    column: str,
    size: float | None,
    store: str,
) -> Iterator[NamedFile]:
    place, web = named_place(row, column, store), row[f"https_{column}"]
    is_elsewhere = web and web.startswith(_WEB) and not Place.at(web, store)
    web = web if is_elsewhere else None
    if place or web:
        yield NamedFile(label, form, place, web, size, form == "OME-Zarr")


def named_place(row: Mapping[str, Any], column: str, store: str) -> Place | None:
    """The place of a file that a row names, if it does so as S3 has it or at this server."""
    return Place.at(row[f"https_{column}"], store) or Place.of(row[f"s3_{column}"])


def published(connection: Connection, places: Collection[Place]) -> dict[Place, FoundFile]:
    """Those of some places which are files that this server has.

    Parameters
    ----------
    connection
        To the database.
    places
        Of files; a folder is none.
    """
    file = PublishedFile
    found: dict[Place, FoundFile] = {}
    for bucket in sorted({place.bucket for place in places}):
        for part in parts([place.key for place in places if place.bucket == bucket]):
            statement = select(file.key, file.size, file.digest, file.modified_at).where(
                file.bucket == bucket, file.key.in_(part)
            )
            for row in connection.execute(statement):
                found[Place(bucket, row.key)] = FoundFile(*row)
    return found


def volumes_here(connection: Connection, places: Collection[Place]) -> set[Place]:
    """Those of some places which are volumes of OME-Zarr that this server has.

    Parameters
    ----------
    connection
        To the database.
    places
        Of their folders, with or without a slash at the end.
    """
    described = {_described(place, name): place for place in places for name in _DESCRIPTIONS}
    return {described[one] for one in published(connection, described)}


def contrasts(
    connection: Connection, store: FileStore, volumes: Collection[Place]
) -> dict[Place, tuple[float, float]]:
    """Between which intensities volumes are shown, of those here that say so."""
    described = {_described(volume, _DESCRIPTIONS[0]): volume for volume in volumes}
    found = {}
    for place, file in published(connection, described).items():
        with suppress(FileNotFoundError):
            if contrast := ome_zarr.contrast_of(store.path(file.digest).read_bytes()):
                found[described[place]] = contrast
    return found


def _described(volume: Place, name: str) -> Place:
    """A file that describes a volume."""
    return Place(volume.bucket, f"{volume.key.rstrip('/')}/{name}")


def has_files(connection: Connection, folder: Place) -> bool:
    """Whether this server has files below a folder."""
    return bool(files_after(connection, folder.bucket, folder.key, "", 1))


def single_files_below(connection: Connection, folder: Place, most: int) -> list[FoundFile]:
    """Files that this server has below a folder, in the order of their keys.

    Parameters
    ----------
    connection
        To the database.
    folder
        Whose files; those which are parts of volumes of OME-Zarr are left out.
    most
        How many at most, the first ones.
    """
    file = PublishedFile
    statement = (
        select(file.key, file.size, file.digest, file.modified_at)
        .where(file.bucket == folder.bucket)
        .where(file.key >= folder.key, file.key < end_of(folder.key))
        .where(~texts.contains(file.key, ".zarr/", ignores_case=False))
        .order_by(file.key)
        .limit(most)
    )
    return [FoundFile(*row) for row in connection.execute(statement)]
