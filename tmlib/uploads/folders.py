"""Registering files that are on the server already, without copying them.

An acquisition gets a symbolic link to each of them. All links go through one link to the folder,
which keeps them so short that they take no disk space.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import JSON, BigInteger, cast, func, literal, select, true
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from tmlib import microscopes
from tmlib.db import Database
from tmlib.db.base import now
from tmlib.digests import digest_of
from tmlib.durable_files import make_folder, point, sync_folders
from tmlib.errors import BadInput, Forbidden
from tmlib.experiments.models import Acquisition
from tmlib.microscopes import Microscope
from tmlib.storage import ExperimentStorage
from tmlib.uploads import service
from tmlib.uploads.models import FileKind, FileUploadStatus, MicroscopeFile
from tmlib.uploads.places import make_place
from tmlib.uploads.receiving import file_folder


def register_folder(
    database: Database,
    storage: ExperimentStorage,
    acquisition: Acquisition,
    microscope_type: str,
    path: str,
    roots: Sequence[Path],
) -> int:
    """Make the files of a folder of the server COMPLETE files of an acquisition.

    The names of files in subfolders begin with these, separated by slashes. Hidden files and
    folders, and files that the microscope type does not recognize, are left out; existing files of
    the acquisition are not changed. With a microscope type for OME-Zarr, the folder of an OME-Zarr
    counts as one file.

    Parameters
    ----------
    database, storage
        Where status and links are stored.
    acquisition
        The acquisition of the files.
    microscope_type
        Determines which files are registered.
    path
        Absolute path of the folder, or of a single OME-Zarr.
    roots
        Folders that the administrator has opened for this.

    Returns
    -------
    int
        Number of files that were added.

    Raises
    ------
    Forbidden
        If the folder, or what a link in it points to, is not below one of `roots`.
    BadInput
        If it is not a readable folder, or has no file that the microscope type recognizes.
    """
    forbidden = storage.data_dir.resolve()
    allowed = [root.resolve() for root in roots]
    folder = _check_folder(path, allowed, forbidden)
    microscope = microscopes.get(microscope_type)
    only = None
    if _is_zarr(folder, microscope):
        folder, only = folder.parent, folder.name
    try:
        sizes = dict(_sizes(folder, only, microscope, allowed, forbidden))
    except PermissionError:
        raise BadInput(
            f'The server may not read the folder "{path}": give it the right to.'
        ) from None
    service.announce(database, acquisition, microscope_type, list(sizes))
    with database.session() as session:
        missing = _missing(session, acquisition.id)
    for kind in FileKind:
        found = {name: sizes[name] for name in missing[kind] if name in sizes}
        if found:
            target = file_folder(storage, acquisition.plate_id, acquisition.id, kind)
            make_folder(target)
            _link(target, folder, found)
            with database.transaction() as session:
                _mark_complete(session, acquisition, kind, found)
    return sum(name in sizes for names in missing.values() for name in names)


def _check_folder(path: str, allowed: Sequence[Path], forbidden: Path) -> Path:
    if not allowed:
        raise Forbidden(
            "This server takes no folders of its own: ask its administrator to set "
            "TM_UPLOAD_ROOTS, or upload the files."
        )
    if not Path(path).is_absolute():
        raise BadInput(f'The path "{path}" is not absolute: send it from the root folder on.')
    folder = Path(path).resolve()
    # whether it exists is disclosed only for folders that are open
    if not _is_open(folder, allowed, forbidden):
        raise Forbidden(
            f'The folder "{path}" is not open for uploads: use one below those that the '
            "administrator has listed in TM_UPLOAD_ROOTS."
        )
    if not folder.is_dir():
        raise BadInput(f'There is no folder "{path}" on the server: check the path.')
    return folder


def _is_open(path: Path, allowed: Sequence[Path], forbidden: Path) -> bool:
    return any(map(path.is_relative_to, allowed)) and not path.is_relative_to(forbidden)


def _is_zarr(entry: Path | os.DirEntry[str], microscope: Microscope) -> bool:
    return entry.name.endswith(".zarr") and entry.is_dir() and microscope.is_image(entry.name)


def _sizes(
    folder: Path,
    only: str | None,
    microscope: Microscope,
    allowed: Sequence[Path],
    forbidden: Path,
) -> Iterator[tuple[str, int]]:
    """Name and size of each file, or of a single one."""
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        with os.scandir(folder / prefix) as entries:
            for entry in entries:
                if entry.name.startswith(".") or (only is not None and entry.name != only):
                    continue
                name = prefix + entry.name
                is_zarr = _is_zarr(entry, microscope)
                # links to folders could form cycles
                if not is_zarr and entry.is_dir(follow_symlinks=False):
                    if not entry.name.endswith(".zarr"):
                        waiting.append(f"{name}/")
                    continue
                if not (is_zarr or entry.is_file()):
                    continue
                if entry.is_symlink() and not _is_open(Path(entry).resolve(), allowed, forbidden):
                    raise Forbidden(
                        f'The file "{name}" is a link to where uploads may not come from: '
                        "remove it from the folder."
                    )
                yield name, _zarr_size(entry.path) if is_zarr else entry.stat().st_size


def _zarr_size(path: str) -> int:
    """Total size of an OME-Zarr, which must not contain links, because readers follow them."""
    size = 0
    waiting = [path]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_symlink():
                    raise Forbidden(
                        f'The OME-Zarr "{Path(path).name}" has a link in it, "{entry.name}": '
                        "put in its place what it points to."
                    )
                if entry.is_dir():
                    waiting.append(entry.path)
                else:
                    size += entry.stat().st_size
    return size


def _missing(session: Session, acquisition_id: int) -> dict[FileKind, list[str]]:
    missing: dict[FileKind, list[str]] = {kind: [] for kind in FileKind}
    rows = session.execute(
        select(MicroscopeFile.kind, MicroscopeFile.name).where(
            MicroscopeFile.acquisition_id == acquisition_id,
            MicroscopeFile.status != FileUploadStatus.COMPLETE,
        )
    )
    for kind, name in rows:
        missing[kind].append(name)
    return missing


def _link(target: Path, folder: Path, names: dict[str, int]) -> None:
    """Create links in a folder to files of another one."""
    way = f".{digest_of(os.fsencode(folder), 8)}"
    point(target / way, str(folder))
    changed = {target}
    for name in names:
        link = target / name
        if link.parent not in changed:
            make_place(target, name)
            changed.add(link.parent)
        destination = f"{'../' * name.count('/')}{way}/{name}"
        try:
            link.symlink_to(destination)
        except FileExistsError:  # from an earlier attempt, or a file that could not be used
            point(link, destination)
    sync_folders(changed)


def _mark_complete(
    session: Session, acquisition: Acquisition, kind: FileKind, sizes: dict[str, int]
) -> None:
    # One statement however many names there are: the database takes the object apart. They are
    # there already; as an insert, each is looked up by its name.
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    if is_sqlite:
        rows = func.json_each(literal(sizes, JSON)).table_valued("key", "value")
    else:
        rows = func.json_each_text(cast(sizes, JSON)).table_valued("key", "value")
    values = {
        MicroscopeFile.experiment_id: literal(acquisition.experiment_id),
        MicroscopeFile.acquisition_id: literal(acquisition.id),
        MicroscopeFile.name: rows.c.key,
        MicroscopeFile.kind: literal(kind, MicroscopeFile.kind.type),
        MicroscopeFile.status: literal(FileUploadStatus.COMPLETE, MicroscopeFile.status.type),
        MicroscopeFile.size: cast(rows.c.value, BigInteger),
        MicroscopeFile.created_at: literal(now(), MicroscopeFile.created_at.type),
        MicroscopeFile.updated_at: literal(now(), MicroscopeFile.updated_at.type),
    }
    dialect = sqlite if is_sqlite else postgresql
    chosen = select(*values.values()).where(true())  # SQLite needs WHERE before ON CONFLICT
    insert = dialect.insert(MicroscopeFile).from_select(list(values), chosen)
    changed = ("status", "size", "updated_at")
    session.execute(
        insert.on_conflict_do_update(
            index_elements=["acquisition_id", "name"],
            set_={name: insert.excluded[name] for name in changed},
        )
    )
