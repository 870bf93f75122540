"""A catalogue with made-up rows of every class."""

from collections.abc import Iterator

import pytest

from tests.services.catalogue import Rows, document, random_rows
from tmlib.db import Database
from tmlib.portal.importing import import_rows
from tmlib.portal.reading import Reader


@pytest.fixture(scope="module")
def rows() -> Rows:
    return random_rows(seed=7, n_rows=12)


@pytest.fixture
def reader(database: Database, rows: Rows) -> Iterator[Reader]:
    with database.transaction() as session:
        import_rows(session, document(rows))
    with database.connection() as connection:
        yield Reader(connection)
