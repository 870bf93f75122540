"""The files of the catalogue: in buckets, by keys with slashes, as S3 has them.

What is published is a row here. The content of a file is kept by its digest, in a folder that
nobody else reads: so it is written once, whole, before the row says that it is there, and what a
killed process leaves is seen by nobody.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BufferedReader
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, String, bindparam, func, insert, select, tuple_
from sqlalchemy.orm import Mapped, Session, mapped_column

from tmlib import beneath, digests, durable_files
from tmlib.beneath import LeadsOut
from tmlib.db import Base, Database
from tmlib.db.base import now
from tmlib.db.many import parts
from tmlib.errors import BadInput, NotFound
from tmlib.portal.models import CodePoints

_PART = re.compile(r"[A-Za-z0-9_.-]+")
_MOST_CHARACTERS = 1024
_PIECE = 1 << 20


class PublishedFile(Base):
    """A file that everybody can read."""

    __tablename__ = "portal_files"

    bucket: Mapped[str] = mapped_column(CodePoints, primary_key=True)
    key: Mapped[str] = mapped_column(CodePoints, primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str] = mapped_column(String(64))
    modified_at: Mapped[datetime] = mapped_column(default=now)


@dataclass(frozen=True)
class FoundFile:
    """A published file.

    Attributes
    ----------
    key
        Its name in the bucket.
    size
        In bytes.
    digest
        Of its content.
    modified_at
        When it was published.
    """

    key: str
    size: int
    digest: str
    modified_at: datetime

    @property
    def etag(self) -> str:
        """What tells versions of it apart."""
        return self.digest[:32]


@dataclass(frozen=True)
class FilesSummary:
    """How many files there are, and when the newest was published; None if there are none."""

    n_files: int
    published_at: datetime | None


@dataclass(frozen=True)
class KeptFile:
    """A file whose content is kept, and which is not published yet."""

    key: str
    size: int
    digest: str


class NoSuchBucket(NotFound):
    """There is no file in a bucket of this name."""


class NoSuchKey(NotFound):
    """There is no file of this name."""


class FileStore:
    """Keeps the contents of published files.

    Parameters
    ----------
    data_dir
        The data folder of the installation.
    """

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "catalogue"

    def path(self, digest: str) -> Path:
        """Where a content is kept."""
        return self._folder / digest[:2] / digest

    def contents(self, digit: str) -> Iterator[Path]:
        """All contents whose digests begin with a digit."""
        for folder in sorted(self._folder.glob(f"{digit}[0-9a-f]")):
            yield from folder.iterdir()

    def drafts(self) -> Iterator[Path]:
        """Contents that are being kept, and those that killed processes have left."""
        yield from self._folder.glob(".content.*.tmp")

    @property
    def publications(self) -> Path:
        """Has a folder for each publication, by its number, with what is not kept yet."""
        return self._folder / "drafts"

    def keep(self, key: str, source: Path, *, within: Path | None = None) -> KeptFile:
        """Keep what is in a file, which is on the disk when `sync` returns.

        It is read once, so that what is kept is what is told even if it is changed meanwhile.

        Parameters
        ----------
        key
            The name that it is to be published under.
        source
            The file.
        within
            A folder of somebody else, with the file; nothing is kept that links lead to outside.

        Raises
        ------
        BadInput
            If the key cannot be that of a published file, or a link leads out of the folder.
        """
        check_key(key)
        durable_files.make_folder(self._folder)
        draft = durable_files.draft_of(self._folder / "content")
        content, size = digests.start("sha256"), 0
        try:
            with _reader(source, within) as file, draft.open("xb") as copy:
                while piece := file.read(_PIECE):
                    content.update(piece)
                    size += copy.write(piece)
                durable_files.sync_file(copy)
            digest = content.hexdigest()
            durable_files.make_folder(self.path(digest).parent)
            durable_files.move(draft, self.path(digest), sync="content")
        finally:
            draft.unlink(missing_ok=True)
        return KeptFile(key, size, digest)

    def sync(self, files: Iterable[KeptFile]) -> None:
        """Wait until the names of contents are on the disk."""
        durable_files.sync_folders({self.path(file.digest).parent for file in files})


def _reader(source: Path, within: Path | None) -> BufferedReader:
    """What reads a file; see :meth:`FileStore.keep`."""
    if within is None:
        return source.open("rb")
    try:
        return beneath.open_below(within, source).reader()
    except LeadsOut:
        raise BadInput(
            f"{source} is a link out of {within}: put the file itself in its place."
        ) from None


def check_key(key: str) -> None:
    """Refuse names that clients cannot take for files of their own.

    Raises
    ------
    BadInput
        If there is anything but letters, digits, ``_``, ``-`` and ``.`` between the slashes.
    """
    if not _is_key(key):
        raise BadInput(
            f"{key[:200]} cannot be published under this name: "
            "take letters, digits, _, - and . alone."
        )


def _is_key(key: str) -> bool:
    names = key.split("/")
    is_plain = all(_PART.fullmatch(name) and name not in (".", "..") for name in names)
    return is_plain and len(key) <= _MOST_CHARACTERS


def publish(session: Session, bucket: str, files: Sequence[KeptFile]) -> None:
    """Let everybody read files whose contents are kept.

    Parameters
    ----------
    session
        In a transaction.
    bucket
        Where they are; it is there when it has a file.
    files
        None of which may have a name that is taken.
    """
    if files:
        moment = now()
        rows = [
            {
                "bucket": bucket,
                "key": file.key,
                "size": file.size,
                "digest": file.digest,
                "modified_at": moment,
            }
            for file in files
        ]
        session.execute(insert(PublishedFile), rows)


def published_keys(session: Session, bucket: str, keys: Iterable[str]) -> set[str]:
    """Those of some keys that are taken."""
    row = tuple_(PublishedFile.bucket, PublishedFile.key)
    return {
        key
        for part in parts(list(keys))
        for key in session.scalars(
            select(PublishedFile.key).where(row.in_([(bucket, key) for key in part]))
        )
    }


_ONE: Any = select(
    PublishedFile.key, PublishedFile.size, PublishedFile.digest, PublishedFile.modified_at
).where(
    PublishedFile.bucket == bindparam("bucket_name", type_=String),
    PublishedFile.key == bindparam("key_name", type_=String),
)
_ANY: Any = (
    select(PublishedFile.bucket)
    .where(PublishedFile.bucket == bindparam("bucket_name", type_=String))
    .limit(1)
)


def find_file(database: Database, bucket: str, key: str) -> FoundFile:
    """A published file.

    Raises
    ------
    NoSuchBucket, NoSuchKey
        If there is none.
    """
    # what is no name may be what a database does not take
    is_name = _is_key(bucket) and _is_key(key)
    values = {"bucket_name": bucket, "key_name": key}
    row = database.one_or_none(_ONE, values) if is_name else None
    if row is None:
        check_bucket(database, bucket)
        raise NoSuchKey("There is no file of this name in the bucket.")
    return FoundFile(*row)


def check_bucket(database: Database, bucket: str) -> None:
    """Make sure that there is a bucket.

    Raises
    ------
    NoSuchBucket
        If there is none.
    """
    if not _is_key(bucket) or database.one_or_none(_ANY, {"bucket_name": bucket}) is None:
        raise NoSuchBucket("There is no bucket of this name.")


def files_after(session: Any, bucket: str, prefix: str, after: str, most: int) -> list[FoundFile]:
    """Files of a bucket, in the order of their keys.

    Parameters
    ----------
    session
        A session or a connection.
    bucket
        Its name.
    prefix
        What the keys begin with.
    after
        What they all come after.
    most
        How many files at most.
    """
    statement = (
        select(
            PublishedFile.key, PublishedFile.size, PublishedFile.digest, PublishedFile.modified_at
        )
        .where(PublishedFile.bucket == bucket, PublishedFile.key > after)
        .where(PublishedFile.key >= prefix, PublishedFile.key < end_of(prefix))
        .order_by(PublishedFile.key)
        .limit(most)
    )
    return [FoundFile(*row) for row in session.execute(statement)]


def summary_of(session: Any, bucket: str, prefix: str) -> FilesSummary:
    """What tells whether files of a bucket are still the same as before.

    Parameters
    ----------
    session
        A session or a connection.
    bucket
        Its name.
    prefix
        What the keys begin with.
    """
    statement = (
        select(func.count(), func.max(PublishedFile.modified_at))
        .where(PublishedFile.bucket == bucket)
        .where(PublishedFile.key >= prefix, PublishedFile.key < end_of(prefix))
    )
    return FilesSummary(*session.execute(statement).one())


def end_of(prefix: str) -> str:
    """A text that comes after all that begin with another one."""
    return f"{prefix}\U0010ffff"


def files_below(folder: Path) -> Iterator[tuple[str, Path]]:
    """The files in a folder and all folders in it, by their keys."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path
