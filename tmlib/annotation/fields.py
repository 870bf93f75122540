"""Fields of annotations: what kind of value each holds, and what a JSON Schema says of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pydantic_core import PydanticCustomError, core_schema
from pydantic_core.core_schema import CoreSchema

_MOST = 2**53  # beyond it doubles skip whole numbers
_MOST_NUMBER = 2**63 - 1


class Kind(StrEnum):
    """What a field holds.

    A *bound* point is in an object, which is looked up and never sent. A *position* is the three
    coordinates of a row that is a point itself.
    """

    POINT = "point"
    BOUND_POINT = "bound_point"
    DERIVED_POINT = "derived_point"
    POSITION = "position"
    TEXT = "text"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    ID = "id"

    @property
    def is_point(self) -> bool:
        """Whether it holds coordinates under the name ``position``."""
        return self in POINT_NAMES


PARTS_OF_DERIVED_POINTS = ("level", "dependent_chunk")
"""What derived points have besides their position, and is kept."""

_COORDINATES = {"type": "array"}
_LOOKED_UP = {"root_id": {"type": "integer"}, "supervoxel_id": {"type": "integer"}}

POINT_NAMES = {
    Kind.POINT: "SpatialPoint",
    Kind.BOUND_POINT: "BoundSpatialPoint",
    Kind.DERIVED_POINT: "DerivedSpatialPoint",
}
"""Names of the definitions of points in a JSON Schema."""

_POINT_PROPERTIES: Mapping[Kind, Mapping[str, Any]] = {
    Kind.POINT: {"position": _COORDINATES},
    Kind.BOUND_POINT: {"position": _COORDINATES, **_LOOKED_UP},
    Kind.DERIVED_POINT: {
        "position": _COORDINATES,
        **_LOOKED_UP,
        **{part: {"type": "integer"} for part in PARTS_OF_DERIVED_POINTS},
    },
}

_TYPES: Mapping[Kind, Mapping[str, str]] = {
    Kind.TEXT: {"type": "string"},
    Kind.NUMBER: {"type": "number", "format": "float"},
    Kind.INTEGER: {"type": "number", "format": "integer"},
    Kind.BOOLEAN: {"type": "boolean"},
    Kind.ID: {"type": "integer"},
    Kind.POSITION: _COORDINATES,
}


@dataclass(frozen=True)
class Field:
    """A field of an annotation.

    Attributes
    ----------
    name
        How it is called.
    kind
        What it holds.
    required
        Whether each row must have it.
    choices
        The values that it can have; any if there are none.
    more
        What else a JSON Schema says of it.
    """

    name: str
    kind: Kind
    required: bool = True
    choices: tuple[Any, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def column(self) -> str:
        """What its values, and the positions of points, are called where rows are shown."""
        return f"{self.name}_position" if self.kind.is_point else self.name

    @property
    def part_columns(self) -> dict[str, str]:
        """What is shown of points besides their position: names of columns by those of parts."""
        parts = PARTS_OF_DERIVED_POINTS if self.kind is Kind.DERIVED_POINT else ()
        return {part: f"{self.name}_{part}" for part in parts}

    @property
    def has_coordinates(self) -> bool:
        """Whether its values are places."""
        return self.kind.is_point or self.kind is Kind.POSITION

    def json_schema(self) -> dict[str, Any]:
        """Its part of a JSON Schema, in the form that CAVE's clients read."""
        if self.kind.is_point:
            return {
                "type": "object",
                "$ref": f"#/definitions/{POINT_NAMES[self.kind]}",
                **self.more,
            }
        described: dict[str, Any] = dict(_TYPES[self.kind])
        if self.kind in (Kind.ID, Kind.POSITION):
            return described | dict(self.more)
        if not self.required:
            described["type"] = [described["type"], "null"]
        described["title"] = self.name
        if self.choices:
            described |= {"enum": list(self.choices), "enumNames": []}
        return described | dict(self.more)

    def validator(self) -> CoreSchema:
        """What checks a value, in the form of pydantic."""
        schema = core_schema.literal_schema(list(self.choices)) if self.choices else self._plain()
        return schema if self.required else core_schema.nullable_schema(schema)

    def _plain(self) -> CoreSchema:
        if self.kind.is_point:
            return _point(self.kind)
        match self.kind:
            case Kind.POSITION:
                return COORDINATES
            case Kind.TEXT:
                return core_schema.str_schema(pattern=r"^[^\x00]*$")
            case Kind.NUMBER:
                return plain_number(core_schema.float_schema(allow_inf_nan=False))
            case Kind.BOOLEAN:
                return core_schema.bool_schema()
        return _WHOLE_NUMBER


def plain_number(schema: CoreSchema) -> CoreSchema:
    """What checks a number and, where it comes as a text, that it has no underscores."""
    return core_schema.no_info_before_validator_function(_check_text, schema)


def _check_text(value: Any) -> Any:
    if isinstance(value, str) and "_" in value:
        raise PydanticCustomError("number", "Input should be a number without underscores")
    return value


_WHOLE_NUMBER = plain_number(core_schema.int_schema(ge=-_MOST_NUMBER, le=_MOST_NUMBER))

COORDINATES = core_schema.list_schema(
    plain_number(core_schema.float_schema(allow_inf_nan=False, ge=-_MOST, le=_MOST)),
    min_length=3,
    max_length=3,
)
"""Checks a position: x, y and z."""


def point_definition(kind: Kind) -> dict[str, Any]:
    """The definition of a kind of point in a JSON Schema."""
    return {
        "type": "object",
        "properties": dict(_POINT_PROPERTIES[kind]),
        "required": _required_of_point(kind),
        "additionalProperties": False,
    }


def _required_of_point(kind: Kind) -> list[str]:
    return ["dependent_chunk", "position"] if kind is Kind.DERIVED_POINT else ["position"]


def _point(kind: Kind) -> CoreSchema:
    # what is looked up is not kept, whatever it is
    checks: dict[str, CoreSchema] = dict.fromkeys(_LOOKED_UP, core_schema.any_schema())
    checks |= dict.fromkeys(PARTS_OF_DERIVED_POINTS, _WHOLE_NUMBER) | {"position": COORDINATES}
    required = _required_of_point(kind)
    fields = {
        name: core_schema.typed_dict_field(checks[name], required=name in required)
        for name in _POINT_PROPERTIES[kind]
    }
    return core_schema.typed_dict_schema(fields, extra_behavior="forbid")
