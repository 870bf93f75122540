"""What a database is sent, seen at its driver: whichever way a statement has taken to there."""

from typing import Any

from psycopg2.extensions import cursor
from sqlalchemy import event

from tmlib.db import Database


def sent_statements(database: Database) -> list[str]:
    """A list to which each statement is added that is sent from now on."""
    sent: list[str] = []

    @event.listens_for(database.engine, "checkout")
    def listen(connection: Any, *_: object) -> None:
        if database.is_sqlite:
            connection.set_trace_callback(sent.append)
        else:
            connection.cursor_factory = Recording

    class Recording(cursor):
        def execute(self, query: str, parameters: object = None) -> None:
            sent.append(query)
            super().execute(query, parameters)

    return sent
