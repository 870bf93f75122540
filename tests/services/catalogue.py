"""Catalogues with made-up rows, and what a filter finds in them, worked out one row at a time."""

import random
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tmlib.portal.declaration import ENTITIES, column_here, column_there, target
from tmlib.portal.declaration.entity import Entity, Item, Kind, Scalar

Row = dict[str, Any]
Rows = dict[str, list[Row]]
"""Rows by the names of their classes, with values by the names of columns."""

TEXTS = (
    *("", "a", "A", "ab", "aB", "b a", "100%", "a_b", "a\\b", "[x]", "x*y", "?"),
    *("Éclair", "éclair", "ÉCLAIR", "ÄSZ", "äsz", "Ω", "z", "Z", "\U0001f52c", "\uff5e", "a\nb"),
)
PATTERNS = (
    *("%", "", "a%", "%a", "%B%", "_", "__", "%\\%", "a\\_b", "a_b", "%\\", "a\\\\b", "[x]"),
    *("%*%", "?", "éclair", "É%", "%CLAIR", "äs_", "%\\%%", "%a%b%"),
)
EXPRESSIONS = ("^a", "b$", "[aA]b?", "a.b", "(ab|x)+", "^$", r"\d{2,3}%", "[^a]", r"\[x\]", "é")
_START = datetime(2023, 12, 30, 22, 30, tzinfo=UTC)


def random_rows(seed: int, n_rows: int) -> Rows:
    """Rows of every class, with few different values, so that filters find some of them."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    ids = {name: chance.sample(range(1, 10 * n_rows), n_rows) for name in ENTITIES}
    return {
        name: [_row(chance, entity, number, ids) for number in ids[name]]
        for name, entity in ENTITIES.items()
    }


def _row(chance: random.Random, entity: Entity, number: int, ids: Mapping[str, list[int]]) -> Row:
    row: Row = {}
    for column, attribute in entity.columns.items():
        if column == "id":
            row[column] = number
        elif not attribute.required and chance.random() < 0.25:
            row[column] = None
        elif isinstance(attribute, Item):
            row[column] = chance.choice(ids[attribute.target])
        else:
            row[column] = random_value(chance, attribute)
    return row


def random_value(chance: random.Random, attribute: Scalar | Item) -> Any:
    """A value of an attribute."""
    if isinstance(attribute, Item):
        return chance.randrange(1, 200)
    match attribute.kind:
        case Kind.INTEGER:
            return chance.randrange(-3, 60)
        case Kind.FLOAT:
            return chance.choice((-1.5, 0.0, 0.1, 2.0, 1e-7, 1e20, 12345.678901234567))
        case Kind.TEXT:
            return chance.choice(TEXTS)
        case Kind.BOOLEAN:
            return chance.random() < 0.5
        case Kind.MOMENT:
            return _START + timedelta(
                hours=chance.randrange(8), microseconds=chance.choice((0, 0, 250_000))
            )
        case Kind.ENUMERATION:
            assert attribute.enumeration is not None
            return chance.choice(attribute.enumeration.values)
        case Kind.MATRIX:
            return [[chance.choice((0.0, 0.5, 1.0)) for _ in range(2)] for _ in range(2)]


def document(rows: Rows) -> dict[str, list[Row]]:
    """Rows as a document that can be imported."""
    return {
        ENTITIES[name].client_name: [
            {
                column: value.isoformat() if isinstance(value, datetime) else value
                for column, value in row.items()
            }
            for row in content
        ]
        for name, content in rows.items()
    }


def fits(rows: Rows, entity: Entity, row: Row, where: Mapping[str, Any] | None) -> bool:
    """Whether a row fits a filter."""
    for name, content in (where or {}).items():
        if content is None:
            continue
        if name in entity.fields:
            field = entity.fields[name]
            if not _compares(row[field.column], content):
                return False
            continue
        relation = entity.relations[name.removesuffix("Aggregate")]
        there = related(rows, entity, row, name.removesuffix("Aggregate"))
        if name in entity.relations:
            if not any(fits(rows, target(relation), other, content) for other in there):
                return False
            continue
        count = content["count"]
        found = [o for o in there if fits(rows, target(relation), o, count.get("filter"))]
        number = count_of(target(relation), found, count.get("distinct"), count.get("arguments"))
        if not _compares(number, count.get("predicate") or {}):
            return False
    return True


def related(rows: Rows, entity: Entity, row: Row, name: str) -> list[Row]:
    """What a relation of a row leads to."""
    relation = entity.relations[name]
    here, there = column_here(relation), column_there(entity, relation)
    if row[here] is None:
        return []
    return [other for other in rows[relation.target] if other[there] == row[here]]


def count_of(entity: Entity, rows: list[Row], distinct: Any, column: str | None) -> int:
    """How many rows there are, or different values of a column."""
    if not distinct:
        return len(rows)
    name = entity.fields[column or "id"].column
    return len({repr(row[name]) for row in rows if row[name] is not None})


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "_eq": lambda value, other: value == other,
    "_neq": lambda value, other: value != other,
    "_gt": lambda value, other: value > other,
    "_gte": lambda value, other: value >= other,
    "_lt": lambda value, other: value < other,
    "_lte": lambda value, other: value <= other,
    "_in": lambda value, others: value in others,
    "_nin": lambda value, others: value not in others,
    "_like": lambda value, pattern: _is_like(value, pattern),
    "_nlike": lambda value, pattern: not _is_like(value, pattern),
    "_ilike": lambda value, pattern: _is_like(value.lower(), pattern.lower()),
    "_nilike": lambda value, pattern: not _is_like(value.lower(), pattern.lower()),
    "_regex": lambda value, pattern: _is_found(value, pattern, 0),
    "_nregex": lambda value, pattern: not _is_found(value, pattern, 0),
    "_iregex": lambda value, pattern: _is_found(value, pattern, re.IGNORECASE),
    "_niregex": lambda value, pattern: not _is_found(value, pattern, re.IGNORECASE),
}


def _compares(value: Any, content: Mapping[str, Any]) -> bool:
    for name, other in content.items():
        if name == "_is_null":
            if (value is None) != other:
                return False
        elif other is None:
            if (value is None) != (name == "_eq"):
                return False
        elif name == "_nin" and not other:
            continue
        elif value is None or not _OPERATORS[name](value, other):
            return False
    return True


def _is_like(value: str, pattern: str) -> bool:
    expression, index = "", 0
    while index < len(pattern):
        character = pattern[index]
        if character == "\\" and index + 1 < len(pattern):
            index += 1
            expression += re.escape(pattern[index])
        else:
            expression += {"%": ".*", "_": "."}.get(character, re.escape(character))
        index += 1
    return re.fullmatch(expression, value, re.DOTALL) is not None


def _is_found(value: str, pattern: str, flags: int) -> bool:
    pattern = pattern.removesuffix("$") + r"\Z" if pattern.endswith("$") else pattern
    return re.search(pattern, value, re.DOTALL | re.ASCII | flags) is not None


def random_where(chance: random.Random, entity: Entity, levels: int) -> dict[str, Any]:
    """A filter of rows of a class, over some relations."""
    where: dict[str, Any] = {}
    for _ in range(chance.choice((0, 1, 1, 1, 2))):
        names = [n for n, one in entity.fields.items() if _is_compared(one)]
        name = chance.choice(names)
        where[name] = _random_comparison(chance, entity.fields[name])
    if levels and entity.relations and chance.random() < 0.8:
        name = chance.choice(list(entity.relations))
        relation = entity.relations[name]
        inner = random_where(chance, target(relation), levels - 1)
        if isinstance(relation, Item) or chance.random() < 0.6:
            where[name] = inner
        else:
            where[f"{name}Aggregate"] = {"count": _random_count(chance, target(relation), inner)}
    return where


def _is_compared(attribute: Scalar | Item) -> bool:
    return isinstance(attribute, Item) or attribute.kind is not Kind.MATRIX


def _random_count(chance: random.Random, entity: Entity, inner: dict[str, Any]) -> dict[str, Any]:
    count: dict[str, Any] = {
        "predicate": {chance.choice(("_eq", "_gte", "_lt")): chance.randrange(3)}
    }
    if chance.random() < 0.5:
        count["filter"] = inner
    if chance.random() < 0.5:
        count["distinct"] = chance.random() < 0.7
        count["arguments"] = chance.choice([one.wire_name for one in entity.scalars])
    return count


def _random_comparison(chance: random.Random, attribute: Scalar | Item) -> dict[str, Any]:
    operators = ["_eq", "_neq", "_in", "_nin", "_is_null"]
    if isinstance(attribute, Item) or attribute.kind is not Kind.BOOLEAN:
        operators += ["_gt", "_gte", "_lt", "_lte"]
    if isinstance(attribute, Scalar) and attribute.kind is Kind.TEXT:
        operators += ["_like", "_nlike", "_ilike", "_nilike"] * 2
        operators += ["_regex", "_nregex", "_iregex", "_niregex"]
    name = chance.choice(operators)
    if name == "_is_null":
        return {name: chance.random() < 0.5}
    if name in ("_in", "_nin"):
        return {name: [random_value(chance, attribute) for _ in range(chance.randrange(4))]}
    if name.endswith("like"):
        return {name: chance.choice(PATTERNS)}
    if name.endswith("regex"):
        return {name: chance.choice(EXPRESSIONS)}
    if name in ("_eq", "_neq") and chance.random() < 0.1:
        return {name: None}
    return {name: random_value(chance, attribute)}
