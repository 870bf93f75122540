"""The tables of the catalogue, made from the declaration of its classes."""

import json
import re
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Integer,
    Table,
    Text,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

from tmlib.db import Base
from tmlib.db.base import UtcDateTime
from tmlib.portal.declaration import ENTITIES
from tmlib.portal.declaration.entity import Entity, Item, Kind

CodePoints = Text().with_variant(Text(collation="C"), "postgresql")
"""A text that is compared and ordered by code point, as SQLite does."""


class Matrix(TypeDecorator[list[list[float]]]):
    """A list of lists of numbers, which orders by how it is written in JSON."""

    impl = CodePoints
    cache_ok = True

    def process_bind_param(self, value: list[list[float]] | None, dialect: Dialect) -> str | None:
        """Write it."""
        return None if value is None else json.dumps(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Read it."""
        return None if value is None else json.loads(value)


_TYPES: dict[Kind, TypeEngine[Any]] = {
    Kind.INTEGER: Integer(),
    Kind.FLOAT: Double(),
    Kind.TEXT: CodePoints,
    Kind.BOOLEAN: Boolean(),
    Kind.MOMENT: UtcDateTime(),
    Kind.ENUMERATION: CodePoints,
    Kind.MATRIX: Matrix(),
}


def table_name(entity: Entity) -> str:
    """The name of the table of a class."""
    return "portal_" + re.sub("(?<=[a-z])(?=[A-Z])", "_", entity.root).lower()


def _table(entity: Entity) -> Table:
    parts: list[Any] = []
    for attribute in entity.columns.values():
        if isinstance(attribute, Item):
            refers_to = ForeignKey(f"{table_name(ENTITIES[attribute.target])}.id")
            parts.append(
                Column(
                    attribute.column,
                    Integer,
                    refers_to,
                    nullable=not attribute.required,
                    index=True,
                )
            )
            continue
        is_key = attribute.name == "id"
        parts.append(
            Column(
                attribute.name,
                _TYPES[attribute.kind],
                primary_key=is_key,
                autoincrement=False if is_key else "auto",
                nullable=not attribute.required,
            )
        )
    return Table(table_name(entity), Base.metadata, *parts)


TABLES: dict[str, Table] = {name: _table(entity) for name, entity in ENTITIES.items()}
"""The table of each class, by its name."""
