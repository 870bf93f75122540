"""Values of annotations: checked, as they are kept, and as they are shown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic_core import SchemaValidator, ValidationError

from tmlib.annotation.errors import InvalidRows
from tmlib.annotation.fields import Field, Kind
from tmlib.annotation.schemas import AUTHOR, TARGET, Schema

Sent = Sequence[Mapping[str, Any]]
"""Rows as somebody has sent them: ``{"pt": {"position": [x, y, z]}, "tag": "a"}``."""

_NOWHERE = (None,) * 6


def check_new(schema: Schema, sent: Sent) -> list[dict[str, Any]]:
    """New rows as they are kept.

    Raises
    ------
    InvalidRows
        If one does not fit the schema.
    """
    return _kept(schema, _check(schema, schema.validator, sent))


def check_changes(schema: Schema, sent: Sent) -> list[dict[str, Any]]:
    """What shall be different about rows, each with its ``id``, as it is kept.

    Raises
    ------
    InvalidRows
        If one does not fit the schema, or a row is named twice.
    """
    changes = _kept(schema, _check(schema, schema.update_validator, sent))
    seen: set[int] = set()
    for number, change in enumerate(changes):
        if change["id"] in seen:
            raise InvalidRows.at(number, "id", f"annotation {change['id']} is named twice")
        seen.add(change["id"])
    return changes


def extent(schema: Schema, data: Mapping[str, Any]) -> tuple[float | None, ...]:
    """The box around the points of a row: the lowest x, y and z, and the highest; or nothing."""
    points = [data[name] for name in schema.points if data.get(name) is not None]
    if not points:
        return _NOWHERE
    if len(points) == 1:
        return (*points[0], *points[0])
    axes = list(zip(*points, strict=True))
    return (*map(min, axes), *map(max, axes))


def shown(
    schema: Schema, data: Mapping[str, Any], target_id: int | None, user_id: int
) -> dict[str, Any]:
    """The values of a row by the names of columns: points as ``<name>_position``."""
    found: dict[str, Any] = {}
    for field in schema.fields:
        name = field.name
        if name == TARGET:
            found[name] = target_id
        elif name == AUTHOR:
            found[name] = user_id
        elif field.kind.is_point:
            found[field.column] = _whole(data.get(name))
            found |= {column: data.get(column) for column in field.part_columns.values()}
        elif field.kind is Kind.POSITION:
            found[name] = _whole(data.get(name))
        else:
            value = data.get(name)
            if field.kind is Kind.NUMBER and value is not None:
                value = float(value)  # large ones come back from PostgreSQL as whole numbers
            found[name] = value
    return found


def _check(schema: Schema, validator: SchemaValidator, sent: Sent) -> list[dict[str, Any]]:
    points = [field for field in schema.fields if field.kind.is_point]
    nested = [_nested(row, points) for row in sent]
    try:
        checked: list[dict[str, Any]] = validator.validate_python(nested)
    except ValidationError as error:
        raise InvalidRows.of(error) from None
    return checked


def _nested(row: Mapping[str, Any], points: Sequence[Field]) -> Mapping[str, Any]:
    """A row as it is sent, of one that may be as it is shown."""
    changed = row
    for field in points:
        name = field.name
        if field.column not in row or name in row:
            continue
        columns = {field.column: "position"}
        columns |= {column: part for part, column in field.part_columns.items()}
        point = {
            part: row[column] for column, part in columns.items() if row.get(column) is not None
        }
        changed = {key: value for key, value in changed.items() if key not in columns}
        changed[name] = point or None
    return changed


def _kept(schema: Schema, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    names = [field.name for field in schema.fields if field.name != AUTHOR]
    points = [field for field in schema.fields if field.kind.is_point]
    found = []
    for row in rows:
        kept = {name: row[name] for name in names if name in row}
        for field in points:
            if field.name in kept:
                point = kept[field.name] or {}
                kept[field.name] = point.get("position")
                kept |= {column: point.get(part) for part, column in field.part_columns.items()}
        kept["id"] = row.get("id") or None
        found.append(kept)
    return found


def _whole(position: Sequence[float] | None) -> list[float] | None:
    """Coordinates, those without a fraction as whole numbers."""
    if position is None:
        return None
    return [whole if (whole := int(number)) == number else number for number in position]
