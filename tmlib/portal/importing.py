"""Takes catalogues from elsewhere: rows of all classes in one JSON document.

The document is ``{"Dataset": [{"id": 1, "title": ...}, ...], "TiltSeries": [...], ...}``, with the
names of classes and attributes that the Python client has. Ids stay as they are. Everything is
checked first, and nothing is taken unless all of it is right.
"""

import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from tmlib.db import Base
from tmlib.db.many import select_among
from tmlib.errors import BadInput
from tmlib.portal import moments
from tmlib.portal.declaration import ENTITIES, target
from tmlib.portal.declaration.entity import Entity, Item, Kind, Scalar
from tmlib.portal.filters import check_value
from tmlib.portal.models import TABLES

LARGEST_ID = 2**31 - 1

_MOST_TOLD = 20

_BY_CLIENT_NAME = {entity.client_name: entity for entity in ENTITIES.values()}

Rows = dict[str, list[dict[str, Any]]]
"""Rows by the name of their class, with the values of columns."""


@dataclass(frozen=True)
class Problem:
    """What is wrong with a row of a document."""

    row: str
    reason: str

    def __str__(self) -> str:
        return f"{self.row}: {self.reason}"


Check = Callable[[Rows], Iterator[Problem]]
"""Tells what is wrong with rows beyond their values."""


def checked_rows(session: Session, document: Any, check: Check | None = None) -> Rows:
    """The rows of a document, if they can be added to the catalogue.

    Parameters
    ----------
    session
        For reading.
    document
        What is in the JSON.
    check
        Tells what else is wrong with rows.

    Raises
    ------
    BadInput
        If anything is wrong; the message names each row and the reason.
    """
    rows, problems = _read(document)
    if not problems:
        problems = [*_references(session, rows), *(check(rows) if check else ())]
    if problems:
        raise _refusal(problems)
    return rows


def import_rows(session: Session, document: Any, check: Check | None = None) -> dict[str, int]:
    """Add the rows of a document to the catalogue; for the parameters see `checked_rows`.

    Returns
    -------
    dict
        How many rows there are of each class.

    Raises
    ------
    BadInput
        If anything is wrong; the message names each row and the reason.
    """
    rows = checked_rows(session, document, check)
    for table in Base.metadata.sorted_tables:
        for name, content in rows.items():
            if TABLES[name] is table and content:
                session.execute(insert(table), content)
    return {ENTITIES[name].client_name: len(content) for name, content in rows.items() if content}


def _refusal(problems: Sequence[Problem]) -> BadInput:
    told = "\n".join(f"  {problem}" for problem in problems[:_MOST_TOLD])
    more = len(problems) - _MOST_TOLD
    rest = f"\n  and {more} more" if more > 0 else ""
    return BadInput(f"The catalogue is not imported, since not all of it is right:\n{told}{rest}")


def _read(document: Any) -> tuple[Rows, list[Problem]]:
    """Rows with the values of their columns, and what is wrong with them."""
    rows: Rows = {name: [] for name in ENTITIES}
    problems: list[Problem] = []
    if not isinstance(document, Mapping):
        return rows, [Problem("The document", "it is no JSON object of classes and their rows")]
    for name, content in document.items():
        entity = _BY_CLIENT_NAME.get(name)
        if entity is None:
            problems.append(Problem(name, "there is no such class"))
        elif not isinstance(content, list):
            problems.append(Problem(name, "it is no list of rows"))
        else:
            ids: set[int] = set()
            for index, row in enumerate(content):
                values, reasons = _row(entity, row, ids)
                number = row.get("id") if isinstance(row, Mapping) else None
                called = f"{name} {number}" if number is not None else f"{name}, row {index + 1}"
                problems.extend(Problem(called, reason) for reason in reasons)
                rows[entity.name].append(values)
    return rows, problems


def _row(entity: Entity, row: Any, ids: set[int]) -> tuple[dict[str, Any], list[str]]:
    if not isinstance(row, Mapping):
        return {}, ["it is no JSON object"]
    reasons = [f"there is no attribute {name}" for name in row.keys() - entity.columns.keys()]
    values: dict[str, Any] = {}
    for name, attribute in entity.columns.items():
        value = row.get(name)
        try:
            if value is None and attribute.required:
                raise ValueError("it is missing")
            values[name] = None if value is None else _value(attribute, value)
        except (ValueError, BadInput) as error:
            reasons.append(f"{name}: {error}")
    number = values.get("id")
    if number in ids:
        reasons.append("there are several with this id")
    elif number is not None:
        ids.add(number)
    return values, reasons


def _value(attribute: Scalar | Item, value: Any) -> Any:
    """A value as its column has it.

    Raises
    ------
    ValueError
        If it is none of the attribute's.
    """
    if isinstance(attribute, Item) or attribute.name == "id":
        if type(value) is not int or not 0 < value <= LARGEST_ID:
            raise ValueError(f"{value!r} is no id, which are between 1 and {LARGEST_ID}")
        return value
    check_value(value)
    return _READERS[attribute.kind](attribute, value)


def _integer(_attribute: Scalar, value: Any) -> int:
    if type(value) is not int or not -LARGEST_ID <= value <= LARGEST_ID:
        raise ValueError(f"{value!r} is no whole number of 32 bits")
    return value


def _number(_attribute: Scalar, value: Any) -> float:
    # whole numbers may be larger than any other, and NaN is no less than anything
    if type(value) not in (int, float) or not abs(value) <= sys.float_info.max:
        raise ValueError(f"{value!r} is no number")
    return float(value)


def _text(_attribute: Scalar, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value


def _boolean(_attribute: Scalar, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def _moment(_attribute: Scalar, value: Any) -> datetime:
    return moments.read(value)


def _one_of(attribute: Scalar, value: Any) -> str:
    known = attribute.enumeration.values if attribute.enumeration else ()
    if value not in known:
        raise ValueError(f"{value!r} is none of {', '.join(known)}")
    return str(value)


def _matrix(attribute: Scalar, value: Any) -> list[list[float]]:
    if not isinstance(value, list) or not all(isinstance(row, list) for row in value):
        raise ValueError(f"{value!r} is no list of lists of numbers")
    return [[_number(attribute, number) for number in row] for row in value]


_READERS: Mapping[Kind, Callable[[Scalar, Any], Any]] = {
    Kind.INTEGER: _integer,
    Kind.FLOAT: _number,
    Kind.TEXT: _text,
    Kind.BOOLEAN: _boolean,
    Kind.MOMENT: _moment,
    Kind.ENUMERATION: _one_of,
    Kind.MATRIX: _matrix,
}


def _references(session: Session, rows: Rows) -> Iterator[Problem]:
    """What is there already, and what refers to nothing."""
    there = {name: {row["id"] for row in content} for name, content in rows.items()}
    for name, content in rows.items():
        entity = ENTITIES[name]
        for number in sorted(_known(session, entity, there[name])):
            yield Problem(f"{entity.client_name} {number}", "the catalogue has one with this id")
        for item in entity.items:
            meant = {row[item.column] for row in content} - {None} - there[item.target]
            missing = meant - _known(session, target(item), meant)
            for row in content:
                if row[item.column] in missing:
                    yield Problem(
                        f"{entity.client_name} {row['id']}",
                        f"{item.column}: there is no {target(item).client_name} {row[item.column]}",
                    )


def _known(session: Session, entity: Entity, ids: Collection[int]) -> set[int]:
    """Those of some ids which the catalogue has."""
    column = TABLES[entity.name].c.id
    return {row[0] for row in select_among(session, select(column), column, ids)}
