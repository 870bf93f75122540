"""What answers the fields of the schema: rows as they are asked for, and all below them at once.

A field of the query reads its rows and, level by level, all that is selected below them, with one
statement for each field however many rows there are (`tmserver.portal.loading`). The fields below
then find what they need in their row.
"""

import base64
from typing import Any

from tmlib.errors import Forbidden
from tmlib.portal.declaration.entity import Entity
from tmserver.portal.selections import Info


def path_of(info: Info) -> tuple[str, ...]:
    """Where a field is in the answer, without the places in lists."""
    return tuple(part for part in info.path.as_list() if isinstance(part, str))


def rows(entity: Entity, _root: Any, info: Info, **arguments: Any) -> Any:
    """Rows of a class."""
    return info.context.rows(entity, info, arguments)


def aggregate(entity: Entity, _root: Any, info: Info, **arguments: Any) -> Any:
    """Numbers about rows of a class."""
    return info.context.aggregate(entity, info, arguments)


def related(row: dict[Any, Any], info: Info, **_arguments: Any) -> Any:
    """What has been read for a row together with it."""
    return row[path_of(info)]


def global_id(row: dict[Any, Any], info: Info) -> str:
    """The id of a row among those of all classes."""
    return base64.b64encode(f"{info.parent_type.name}:{row['id']}".encode()).decode()


def count(
    row: dict[str, Any],
    info: Info,
    *,
    distinct: bool | None = False,
    columns: str | None = None,
) -> int:
    """How many rows, or distinct values, there are."""
    found: int = row["counts"][bool(distinct), columns]
    return found


def refuse(_root: Any, info: Info, **_arguments: Any) -> Any:
    """Nobody changes what is published.

    Raises
    ------
    Forbidden
        Always.
    """
    raise Forbidden("The catalogue can only be read.")
