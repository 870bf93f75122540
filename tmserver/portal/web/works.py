"""What is read for a page, and how it is cited."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from flask import request
from sqlalchemy.engine import Connection

from tmlib.db.deadlines import deadline
from tmlib.portal.browsing import DatasetContent, DepositionContent
from tmlib.portal.citation import Work
from tmserver.access import Access

SECONDS = 20.0
"""How long a page may take."""


@contextmanager
def reading(access: Access) -> Iterator[Connection]:
    """One state of the database, for as long as a page may take."""
    with access.database.snapshot() as connection, deadline(connection, SECONDS):
        yield connection


def top() -> str:
    """The address of this server, without a slash at its end."""
    return request.url_root.rstrip("/")


def store() -> str:
    """The address of its buckets, likewise."""
    return f"{top()}/s3"


def work_of_deposition(content: DepositionContent) -> Work:
    """How a deposition is cited."""
    row = content.deposition
    return Work(
        kind="deposition",
        number=row["id"],
        title=row["title"],
        description=row["description"],
        authors=content.authors,
        published=row["release_date"],
        modified=row["last_modified_date"],
        publications=row["deposition_publications"],
        address=f"{top()}/catalogue/depositions/{row['id']}",
        publisher=_host(),
        keywords=content.types,
        has_more_authors="DepositionAuthor" in content.cut,
    )


def work_of_dataset(content: DatasetContent) -> Work:
    """How a dataset is cited."""
    row = content.dataset
    named = (row["assay_label"], row["organism_name"], row["tissue_name"], row["cell_name"])
    return Work(
        kind="dataset",
        number=row["id"],
        title=row["title"],
        description=row["description"],
        authors=content.authors,
        published=row["release_date"],
        modified=row["last_modified_date"],
        publications=row["dataset_publications"],
        address=f"{top()}/catalogue/datasets/{row['id']}",
        publisher=_host(),
        keywords=[name for name in (*named, *content.objects) if name],
        has_more_authors="DatasetAuthor" in content.cut,
    )


def _host() -> str:
    return urlsplit(request.url_root).hostname or "tmserver"
