"""Databases of both kinds, for benchmarks."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services import postgresql
from tmlib import schema
from tmlib.db import Database

DATABASES = ("postgresql", "sqlite")


@contextmanager
def new_database(kind: str, folder: Path) -> Iterator[tuple[str, Database]]:
    """A database of this kind with all tables, SQLite's in a folder, and its URL."""
    with _new_url(kind, folder) as url:
        database = Database(url)
        schema.upgrade(database)
        try:
            yield url, database
        finally:
            database.close()


@contextmanager
def _new_url(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'tmserver.db'}"
        return
    with postgresql.server() as server:
        name = f"tm_bench_{secrets.token_hex(4)}"
        postgresql.execute(server, f"CREATE DATABASE {name}")
        try:
            yield server.set(database=name).render_as_string(hide_password=False)
        finally:
            postgresql.execute(server, f"DROP DATABASE {name} WITH (FORCE)")
