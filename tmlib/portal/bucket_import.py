"""Takes a catalogue from elsewhere together with the files of its bucket."""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from sqlalchemy.orm import Session

from tmlib.db import Database
from tmlib.errors import BadInput, Conflict
from tmlib.portal.addresses import Place, bucket_of
from tmlib.portal.declaration import ENTITIES
from tmlib.portal.files import FileStore, check_key, files_below, publish, published_keys
from tmlib.portal.importing import Problem, Rows, checked_rows, import_rows
from tmlib.portal.publishing.numbering import reserved
from tmlib.portal.withdrawal import withdrawn

_FOLDERS = ("s3_omezarr_dir", "s3_prefix")


def import_catalogue(
    database: Database,
    store: FileStore,
    document: Any,
    folder: Path | None,
    *,
    without_files: bool = False,
) -> dict[str, int]:
    """Add the rows of a document, and the files of a folder, to the catalogue.

    Files are kept first, and are there for others in the moment in which the rows are.

    Parameters
    ----------
    database
        Of the installation.
    store
        Keeps the contents of files.
    document
        As `tmlib.portal.importing` has it.
    folder
        Has the files of the bucket, below it as their keys say; None if there are none.
    without_files
        Whether rows are taken whose files are not there.

    Returns
    -------
    dict
        How many rows there are of each class.

    Raises
    ------
    BadInput
        If anything is wrong with the document, a file has a name that cannot be published, or is a
        link out of the folder: what else the server can read is nobody's to see.
    Conflict
        If the catalogue has a file of this name already.
    """
    wanted = None if without_files else folder or Path()
    with database.session() as session:
        rows = checked_rows(session, document, partial(_problems, session, wanted))
    files = dict(files_below(folder)) if folder else {}
    for key in files:
        check_key(key)
    bucket = _bucket(rows) if files else ""
    with database.session() as session:
        _check_untaken(session, bucket, files)
    kept = [store.keep(key, path, within=folder) for key, path in files.items()]
    store.sync(kept)
    with database.transaction() as session:
        # others may have changed the catalogue while files were copied
        counts = import_rows(session, document, partial(_problems, session, None))
        _check_untaken(session, bucket, files)
        publish(session, bucket, kept)
    return counts


def _problems(session: Session, folder: Path | None, rows: Rows) -> Iterator[Problem]:
    """Depositions that were withdrawn, and files that a folder should have, if there is one."""
    for number in sorted(withdrawn(session, {row["id"] for row in rows["Deposition"]})):
        yield Problem(f"Deposition {number}", "it was withdrawn, for good: give it another id")
    for name in ("Deposition", "Dataset"):
        for number in sorted(reserved(session, name, {row["id"] for row in rows[name]})):
            yield Problem(f"{name} {number}", "a publication has this id: give it another one")
    if folder is not None:
        yield from missing_files(rows, folder)


def _check_untaken(session: Session, bucket: str, keys: Iterable[str]) -> None:
    if taken := published_keys(session, bucket, keys):
        raise Conflict(f"The bucket {bucket} has a file {min(taken)} already.")


def _bucket(rows: Rows) -> str:
    """The one bucket that rows name.

    Raises
    ------
    BadInput
        If they name none, or several.
    """
    buckets = {
        bucket
        for content in rows.values()
        for row in content
        for column, value in row.items()
        if column.startswith("s3_") and (bucket := bucket_of(value or "")) is not None
    }
    if len(buckets) != 1:
        told = ", ".join(sorted(buckets)) or "none"
        raise BadInput(f"The rows must name one bucket, as s3://bucket/key, for files: {told}.")
    return buckets.pop()


def missing_files(rows: Rows, folder: Path) -> Iterator[Problem]:
    """What rows name, by addresses of S3, that is not in a folder.

    Parameters
    ----------
    rows
        By the names of their classes.
    folder
        Has the files of the bucket, below it as their keys say.
    """
    for name, content in rows.items():
        entity = ENTITIES[name]
        addresses = [column for column in entity.columns if column.startswith("s3_")]
        for row in content:
            for column in addresses:
                if row[column] is not None and (reason := _missing(row, column, folder)):
                    yield Problem(f"{entity.client_name} {row['id']}", f"{column}: {reason}")


def _missing(row: dict[str, Any], column: str, folder: Path) -> str | None:
    address, place = row[column], Place.of(row[column])
    if place is None or ".." in PurePosixPath(place.key).parts:
        return f"{address} is no address s3://bucket/key"
    is_folder = column in _FOLDERS or (column == "s3_path" and row.get("format") == "zarr")
    if column == "s3_prefix" and not place.key.endswith("/"):
        return f"{address} has no slash at its end"
    if column != "s3_prefix" and place.key.endswith("/"):
        return f"{address} has a slash at its end"
    path = folder / place.key
    if not is_folder:
        return None if path.is_file() else f"there is no file {path}"
    has_files = path.is_dir() and any(file.is_file() for file in path.rglob("*"))
    return None if has_files else f"there are no files in {path}"
