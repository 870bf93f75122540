"""Numbers of new rows: those that they bring, and those that go on from the greatest."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.annotation.errors import InvalidRows
from tmlib.annotation.models import Annotation, AnnotationTable, is_of
from tmlib.db.many import select_among
from tmlib.errors import Conflict

Rows = Sequence[Mapping[str, Any]]


class NewNumbers:
    """Numbers for rows that are entered together; one that brings a number keeps it."""

    def __init__(self) -> None:
        self._given: dict[int, int] = {}
        self._n_rows = 0
        self._greatest = 0

    def note(self, rows: Rows) -> None:
        """Note the numbers of rows that follow those before.

        Raises
        ------
        InvalidRows
            If a row has the number of another one.
        """
        for position, row in enumerate(rows, start=self._n_rows):
            if (number := row["id"]) is None:
                continue
            if number in self._given:
                other = f"row {self._given[number]} has the id {number} too"
                raise InvalidRows.at(position, "id", other)
            self._given[number] = position
        self._n_rows += len(rows)

    def begin(self, session: Session, table: AnnotationTable) -> None:
        """Begin to number rows of a table, which is locked.

        Raises
        ------
        Conflict
            If a number is taken.
        """
        query = select(Annotation.id).where(is_of(table))
        # those beyond the greatest number are free
        suspected = [number for number in self._given if number < table.next_id]
        for taken in select_among(session, query, Annotation.id, suspected):
            raise Conflict(
                f'Row {self._given[taken.id]} (counted from 0), field "id": there is an annotation '
                f"{taken.id} in table {table.name} already."
            )
        self._greatest = table.next_id - 1

    def of(self, rows: Rows) -> list[int]:
        """The numbers of rows, part by part in the order in which they were noted."""
        numbers = []
        for row in rows:
            number = row["id"] or self._greatest + 1
            while row["id"] is None and number in self._given:
                number += 1
            self._greatest = max(self._greatest, number)
            numbers.append(number)
        return numbers
