"""Microscope files: registering and listing them, and their status.

Files are received in :mod:`tmlib.uploads.receiving`.
"""

from collections.abc import Collection, Sequence
from pathlib import PurePosixPath

from sqlalchemy import JSON, case, cast, func, literal, select, true
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from tmlib import microscopes
from tmlib.db import Database
from tmlib.db.base import now
from tmlib.errors import BadInput
from tmlib.experiments.models import Acquisition
from tmlib.microscopes import Microscope, unread_formats
from tmlib.microscopes.file_names import IMAGE_SUFFIXES
from tmlib.storage import check_file_path
from tmlib.uploads.models import FileKind, FileUploadStatus, MicroscopeFile

_EXAMPLES = 3
_COMPARED = 1000


def register(
    database: Database, acquisition: Acquisition, microscope_type: str, names: Sequence[str]
) -> list[str]:
    """Register files that will be sent; those that are registered already are not changed.

    Names that are neither images nor metadata of the microscope type are left out.

    Parameters
    ----------
    database
        Where the names are stored; locked only while they are written.
    acquisition
        The acquisition of the files.
    microscope_type
        Determines which names are registered.
    names
        File names, including relevant folders.

    Returns
    -------
    list of str
        Names of all registered files of the acquisition that have not arrived.

    Raises
    ------
    BadInput
        If there is no name, if none fits the microscope type, if there are images but none of the
        type, or if a name is not a file name.
    """
    announce(database, acquisition, microscope_type, names)
    with database.session() as session:
        return missing_names(session, acquisition.id)


def announce(
    database: Database, acquisition: Acquisition, microscope_type: str, names: Sequence[str]
) -> list[str]:
    """As :func:`register`, but returns the registered ones of the names, images first."""
    if not names:
        raise BadInput("No files supplied. Cannot register upload.")
    microscope = microscopes.get(microscope_type)
    wanted: dict[FileKind, list[str]] = {kind: [] for kind in FileKind}
    others = []
    for name in names:
        kind = _kind(microscope, name)
        if kind is None:
            others.append(name)
        else:
            wanted[kind].append(check_file_path(name))
    if not wanted[FileKind.IMAGE] and any(map(_may_be_image, others)):
        with database.session() as session:
            if not wanted[FileKind.METADATA] or not _has_images(session, acquisition.id):
                raise BadInput(_nothing_fits(microscope, others))
    if not any(wanted.values()):
        raise BadInput(_nothing_fits(microscope, names))
    with database.transaction() as session:
        for kind, fitting in wanted.items():
            if fitting:
                _insert_missing(session, acquisition, kind, fitting)
    return [name for fitting in wanted.values() for name in fitting]


def missing_names(session: Session, acquisition_id: int) -> list[str]:
    """Names of registered files that have not arrived, in the order of registration."""
    return list(
        session.scalars(
            select(MicroscopeFile.name)
            .where(
                MicroscopeFile.acquisition_id == acquisition_id,
                MicroscopeFile.status != FileUploadStatus.COMPLETE,
            )
            .order_by(MicroscopeFile.id)
        )
    )


def check_names(microscope_type: str, names: Sequence[str]) -> list[bool]:
    """Whether the microscope type recognizes each name."""
    microscope = microscopes.get(microscope_type)
    return [_kind(microscope, name) is not None for name in names]


def list_files(
    session: Session,
    acquisition_id: int,
    kind: FileKind,
    *,
    limit: int | None = None,
    offset: int = 0,
) -> list[tuple[int, str, FileUploadStatus]]:
    """Id, name and status of the files of an acquisition, in the order of registration."""
    rows = session.execute(
        select(MicroscopeFile.id, MicroscopeFile.name, MicroscopeFile.status)
        .where(MicroscopeFile.acquisition_id == acquisition_id, MicroscopeFile.kind == kind)
        .order_by(MicroscopeFile.id)
        .limit(limit)
        .offset(offset)
    )
    return [(row.id, row.name, row.status) for row in rows]


def count_complete(session: Session, acquisition_id: int) -> int:
    """Number of files of an acquisition that have arrived."""
    return (
        session.scalar(
            select(func.count()).where(
                MicroscopeFile.acquisition_id == acquisition_id,
                MicroscopeFile.status == FileUploadStatus.COMPLETE,
            )
        )
        or 0
    )


def acquisition_statuses(
    session: Session, acquisition_ids: Collection[int]
) -> dict[int, FileUploadStatus]:
    """Status of the upload of each acquisition: UPLOADING, COMPLETE or WAITING."""
    statuses = dict.fromkeys(acquisition_ids, FileUploadStatus.WAITING)
    uploading = case((MicroscopeFile.status == FileUploadStatus.UPLOADING, 1), else_=0)
    complete = case((MicroscopeFile.status == FileUploadStatus.COMPLETE, 1), else_=0)
    rows = session.execute(
        select(MicroscopeFile.acquisition_id, func.count(), func.sum(uploading), func.sum(complete))
        .where(MicroscopeFile.acquisition_id.in_(acquisition_ids))
        .group_by(MicroscopeFile.acquisition_id)
    )
    for acquisition_id, n_files, n_uploading, n_complete in rows:
        if n_uploading:
            statuses[acquisition_id] = FileUploadStatus.UPLOADING
        elif n_complete == n_files:
            statuses[acquisition_id] = FileUploadStatus.COMPLETE
    return statuses


def combined_status(statuses: Collection[FileUploadStatus]) -> FileUploadStatus:
    """The status of a plate whose acquisitions have these statuses."""
    if FileUploadStatus.UPLOADING in statuses:
        return FileUploadStatus.UPLOADING
    if statuses and all(status is FileUploadStatus.COMPLETE for status in statuses):
        return FileUploadStatus.COMPLETE
    return FileUploadStatus.WAITING


def _insert_missing(
    session: Session, acquisition: Acquisition, kind: FileKind, names: list[str]
) -> None:
    # One statement for any number of names: the database unpacks the list.
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    if is_sqlite:
        name = func.json_each(literal(names, JSON)).table_valued("value").c.value
    else:
        name = func.json_array_elements_text(cast(names, JSON)).table_valued("value").c.value
    moment = now()
    values = {
        MicroscopeFile.experiment_id: literal(acquisition.experiment_id),
        MicroscopeFile.acquisition_id: literal(acquisition.id),
        MicroscopeFile.name: name,
        MicroscopeFile.kind: literal(kind, MicroscopeFile.kind.type),
        MicroscopeFile.status: literal(FileUploadStatus.WAITING, MicroscopeFile.status.type),
        MicroscopeFile.created_at: literal(moment, MicroscopeFile.created_at.type),
        MicroscopeFile.updated_at: literal(moment, MicroscopeFile.updated_at.type),
    }
    rows = select(*values.values()).where(true())  # SQLite needs WHERE before ON CONFLICT
    dialect = sqlite if is_sqlite else postgresql
    insert = dialect.insert(MicroscopeFile).from_select(list(values), rows)
    session.execute(insert.on_conflict_do_nothing())


def _kind(microscope: Microscope, name: str) -> FileKind | None:
    # Operating systems put hidden files into folders; no microscope writes them.
    if any(part.startswith(".") and part not in (".", "..") for part in name.split("/")):
        return None
    if microscope.is_metadata(name):
        return FileKind.METADATA
    return FileKind.IMAGE if microscope.is_image(name) else None


def _may_be_image(name: str) -> bool:
    """Whether a file looks like an image to users, regardless of the microscope type."""
    is_hidden = any(part.startswith(".") for part in name.split("/"))
    suffix = PurePosixPath(name).suffix.lower()
    return not is_hidden and (suffix in IMAGE_SUFFIXES or unread_formats.is_unread(name))


def _has_images(session: Session, acquisition_id: int) -> bool:
    return (
        session.scalars(
            select(MicroscopeFile.id)
            .where(
                MicroscopeFile.acquisition_id == acquisition_id,
                MicroscopeFile.kind == FileKind.IMAGE,
            )
            .limit(1)
        ).first()
        is not None
    )


def _nothing_fits(microscope: Microscope, names: Sequence[str]) -> str:
    """Explains why none of the files is an image of the microscope type, and what to do."""
    examples = ", ".join(f'"{name[:80]}"' for name in names[:_EXAMPLES])
    more = f" and {len(names) - _EXAMPLES} more" if len(names) > _EXAMPLES else ""
    first = (
        f'None of the files is an image that "microscope_type" {microscope.name} writes: got '
        f"{examples}{more}"
    )
    if any(".zarr/" in f"{name}/" for name in names) and microscope.name == "ome-zarr":
        return f"{first}. An OME-Zarr is uploaded as one ZIP archive: zip its folder."
    if unread := unread_formats.explain(names):
        return f"{first}. {unread}."
    if microscope.image_pattern is None:
        wanted = "an image, for example .tif or .png"
    else:
        wanted = f"of the form {microscope.image_pattern}"
    fitting = microscopes.recognise(names[:_COMPARED])
    hint = f", {fitting[0]} for example" if fitting else ""
    return (
        f"{first}, but a name must be {wanted}. Check the folder, or create the experiment with "
        f'the "microscope_type" that fits{hint}; the type generic takes any image, whose names the '
        'argument "regex" reads.'
    )
