"""Removes contents that were published, or were to be, and that no file has any more.

They are left by depositions that were withdrawn, by publications that failed, and by imports that
were killed. So are folders in which workers that were killed have written.
"""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select

from tmlib import durable_files
from tmlib.db import Database
from tmlib.ledger.models import State, Task
from tmlib.portal.files import FileStore, PublishedFile, files_below
from tmlib.portal.publishing.models import Publication, StagedPart
from tmlib.portal.publishing.service import SITE, WELL

_DIGITS = "0123456789abcdef"


@dataclass(frozen=True)
class Swept:
    """How many contents there were, and their bytes."""

    n_files: int
    size: int


def sweep(
    database: Database, store: FileStore, before: datetime, *, only_count: bool = False
) -> Swept:
    """Remove what nothing names; what publications may still make public stays.

    Parameters
    ----------
    database, store
        Where files are told of, and where their contents are.
    before
        What was kept later stays, since an import may be about to publish it.
    only_count
        Whether to leave everything.
    """
    moment, sizes = before.timestamp(), []
    for path in _unnamed(database, store):
        # another sweep may be at work
        with suppress(FileNotFoundError):
            found = path.stat()
            if found.st_mtime < moment and (only_count or _remove(path, moment)):
                sizes.append(found.st_size)
    for folder in _ended(database, store):
        # as above
        with suppress(FileNotFoundError):
            if all(path.stat().st_mtime < moment for path in (folder, *folder.rglob("*"))):
                found_sizes = [path.stat().st_size for _, path in files_below(folder)]
                if not only_count:
                    shutil.rmtree(folder)
                sizes += found_sizes
    return Swept(len(sizes), sum(sizes))


def _ended(database: Database, store: FileStore) -> Iterator[Path]:
    """Folders for drafts of publications that are not at work."""
    with database.session() as session:
        roots = select(Publication.id).join(Task, Task.submission_id == Publication.submission_id)
        at_work = roots.where(Task.parent_id.is_(None), Task.state != State.TERMINATED)
        names = {str(number) for number in session.scalars(at_work)}
    yield from (one for one in sorted(store.publications.glob("*")) if one.name not in names)


def _unnamed(database: Database, store: FileStore) -> Iterator[Path]:
    yield from store.drafts()
    # before those that are public, since what is staged may become so meanwhile
    staged = _staged(database)
    for digit in _DIGITS:
        named = staged | _published(database, digit)
        yield from (path for path in store.contents(digit) if path.name not in named)


def _staged(database: Database) -> set[str]:
    contents = select(StagedPart.content).where(StagedPart.kind.in_((SITE, WELL)))
    with database.session() as session:
        return {
            digest
            for content in session.scalars(contents.execution_options(yield_per=100))
            for _, _, digest in content["files"]
        }


def _published(database: Database, digit: str) -> set[str]:
    """The digests that begin with a digit: there may be millions of all."""
    begins = func.substr(PublishedFile.digest, 1, 1) == digit
    with database.session() as session:
        return set(session.scalars(select(PublishedFile.digest).where(begins)))


def _remove(path: Path, moment: float) -> bool:
    """Remove a content, unless somebody has kept the same again just now."""
    aside = durable_files.draft_of(path)
    durable_files.move(path, aside, sync="none")
    if aside.stat().st_mtime >= moment:
        durable_files.move(aside, path)
        return False
    aside.unlink()
    return True
