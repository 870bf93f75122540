"""Lists files of a bucket part by part, those below a folder as one, as S3 does."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy.engine import Connection

from tmlib.portal.files import FoundFile, end_of, files_after

_FILES_AT_ONCE = 1000


@dataclass
class Listing:
    """A part of a list.

    Attributes
    ----------
    files
        Those that are listed one by one.
    folders
        What the keys of the others begin with, up to the delimiter.
    next
        What all keys of the next part come after; None if this is the last one.
    """

    files: list[FoundFile] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    next: str | None = None

    def __len__(self) -> int:
        return len(self.files) + len(self.folders)


def list_files(
    connection: Connection, bucket: str, prefix: str, delimiter: str, after: str, most: int
) -> Listing:
    """A part of the list of a bucket's files, in the order of the bytes of their keys.

    Parameters
    ----------
    connection
        To the database.
    bucket
        Its name.
    prefix
        What the keys begin with.
    delimiter
        What ends the names of folders: keys that have it beyond the prefix are listed as one. Empty
        if there are no folders.
    after
        What all keys come after; ``next`` of the part before.
    most
        How many files and folders at most.
    """
    listing = Listing()
    last = after
    for file, folder in _entries(connection, bucket, prefix, delimiter, after, most):
        if len(listing) == most:
            listing.next = last if most else None
            break
        if folder is None:
            listing.files.append(file)
            last = file.key
        else:
            listing.folders.append(folder)
            last = end_of(folder)
    return listing


def _entries(
    connection: Connection, bucket: str, prefix: str, delimiter: str, after: str, most: int
) -> Iterator[tuple[FoundFile, str | None]]:
    """Files with the folder that is listed for them, if one is, each folder once."""
    position, at_once = after, min(most + 1, _FILES_AT_ONCE)
    while found := files_after(connection, bucket, prefix, position, at_once):
        for file in found:
            if file.key <= position:
                continue
            folder = _folder(file.key, prefix, delimiter)
            yield file, folder
            # all else that is in the folder is skipped, without looking at it
            position = file.key if folder is None else end_of(folder)


def _folder(key: str, prefix: str, delimiter: str) -> str | None:
    if not delimiter:
        return None
    name, found, _ = key[len(prefix) :].partition(delimiter)
    return f"{prefix}{name}{delimiter}" if found else None
