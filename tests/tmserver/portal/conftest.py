"""A catalogue behind the web application."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.services.catalogue import Rows, document, random_rows
from tests.tmserver.conftest import Person
from tmlib.db import Database
from tmlib.portal.importing import import_rows


@pytest.fixture(scope="module")
def rows() -> Rows:
    return random_rows(seed=11, n_rows=10)


UNREACHABLE = "postgresql://nobody@127.0.0.1:1/nothing"


@contextmanager
def without_database(app: Flask) -> Iterator[None]:
    """Let the application find no database for a while."""
    services = app.extensions["tmserver"]
    working, services.database = services.database, Database(UNREACHABLE)
    try:
        yield
    finally:
        services.database.close()
        services.database = working


class Asker:
    """Somebody who asks without saying who it is."""

    def __init__(self, app: Flask) -> None:
        self._person = Person(app)

    def send(self, query: str, **variables: Any) -> TestResponse:
        body = {"query": query, "variables": variables}
        response = self._person.request("POST", "/graphql", json=body)
        assert response.status_code == 200, response.text
        assert response.mimetype == "application/json"
        return response

    def ask(self, query: str, **variables: Any) -> Any:
        """The data of an answer without errors."""
        told: Any = self.send(query, **variables).json
        assert "errors" not in told, told["errors"]
        return told["data"]

    def refused(self, query: str, **variables: Any) -> str:
        """The first error of an answer that has some."""
        told: Any = self.send(query, **variables).json
        message: str = told["errors"][0]["message"]
        return message


@pytest.fixture
def asker(app: Flask, database: Database, rows: Rows) -> Asker:
    with database.transaction() as session:
        import_rows(session, document(rows))
    return Asker(app)
