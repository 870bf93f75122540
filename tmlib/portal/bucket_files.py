"""Whether the files that rows of the catalogue name are there."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from tmlib.portal.declaration import ENTITIES
from tmlib.portal.importing import Problem, Rows

_ADDRESS = "s3://"
_FOLDERS = ("s3_omezarr_dir", "s3_prefix")


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
    address = row[column]
    bucket, _, key = address.removeprefix(_ADDRESS).partition("/")
    if not address.startswith(_ADDRESS) or not bucket or ".." in PurePosixPath(key).parts:
        return f"{address} is no address s3://bucket/key"
    is_folder = column in _FOLDERS or (column == "s3_path" and row.get("format") == "zarr")
    if column == "s3_prefix" and not key.endswith("/"):
        return f"{address} has no slash at its end"
    if column != "s3_prefix" and key.endswith("/"):
        return f"{address} has a slash at its end"
    path = folder / key
    if not is_folder:
        return None if path.is_file() else f"there is no file {path}"
    has_files = path.is_dir() and any(file.is_file() for file in path.rglob("*"))
    return None if has_files else f"there are no files in {path}"
