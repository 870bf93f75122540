"""Annotation schemas: which fields the rows of a table have.

There are those of CAVE, which its clients know by name, and those that a lab has written as JSON
Schema and added under a name of its own.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import yaml
from pydantic_core import SchemaValidator, core_schema

from tmlib.annotation.fields import POINT_NAMES, Field, Kind, point_definition
from tmlib.errors import BadInput

TARGET = "target_id"
"""The field that refers to a row of another table."""

AUTHOR = "user_id"
"""The field that says who has made the annotation, which the server fills in."""

_DIALECT = "http://json-schema.org/draft-07/schema#"
_VALID = Field(
    "valid",
    Kind.BOOLEAN,
    required=False,
    more={"default": False, "description": "is this annotation valid"},
)
_ITSELF_A_POINT = "derived_spatial_point"

# what rows are read with and may therefore be sent back with
_OF_THE_SERVER = ("created", "deleted", "superceded_id", "valid", "type", AUTHOR)

_MOST_ID = 2**53


@dataclass(frozen=True)
class Schema:
    """What the rows of a table are made of.

    Attributes
    ----------
    name
        By which tables refer to it.
    title
        Name of its definition within the JSON Schema.
    fields
        In the order in which they are shown.
    """

    name: str
    title: str
    fields: tuple[Field, ...]

    @functools.cached_property
    def points(self) -> tuple[str, ...]:
        """Names of the fields with coordinates."""
        return tuple(f.name for f in self.fields if f.kind.is_point or f.kind is Kind.POSITION)

    @functools.cached_property
    def by_name(self) -> Mapping[str, Field]:
        """The fields by their names."""
        return {field.name: field for field in self.fields}

    @property
    def is_reference(self) -> bool:
        """Whether rows refer to those of another table."""
        return TARGET in self.by_name

    @property
    def has_author(self) -> bool:
        """Whether rows tell who has made them."""
        return AUTHOR in self.by_name

    def json_schema(self) -> dict[str, Any]:
        """The schema in the form of JSON Schema, draft 7."""
        definitions = {
            POINT_NAMES[kind]: point_definition(kind)
            for kind in POINT_NAMES
            if any(field.kind is kind for field in self.fields)
        }
        if self.name == _ITSELF_A_POINT:
            definitions = {self.title: point_definition(Kind.DERIVED_POINT)}
        else:
            fields = (*self.fields, _VALID)
            definitions[self.title] = {
                "type": "object",
                "properties": {field.name: field.json_schema() for field in fields},
                "required": sorted(field.name for field in self.fields if field.required),
                "additionalProperties": True,
            }
        return {
            "$schema": _DIALECT,
            "definitions": definitions,
            "$ref": f"#/definitions/{self.title}",
        }

    @functools.cached_property
    def validator(self) -> SchemaValidator:
        """Checks a list of new rows."""
        return self._validator(is_update=False)

    @functools.cached_property
    def update_validator(self) -> SchemaValidator:
        """Checks a list of changes, which have an ``id`` and only what is to be different."""
        return self._validator(is_update=True)

    def _validator(self, *, is_update: bool) -> SchemaValidator:
        number = core_schema.int_schema(ge=1 if is_update else 0, le=_MOST_ID)
        fields: dict[str, core_schema.TypedDictField] = {
            name: core_schema.typed_dict_field(core_schema.any_schema(), required=False)
            for name in _OF_THE_SERVER
        }
        for field in self.fields:
            if field.name != AUTHOR:
                fields[field.name] = core_schema.typed_dict_field(
                    field.validator(), required=field.required and not is_update
                )
        fields["id"] = core_schema.typed_dict_field(
            number if is_update else core_schema.nullable_schema(number), required=is_update
        )
        row = core_schema.typed_dict_schema(fields, extra_behavior="forbid")
        return SchemaValidator(core_schema.list_schema(row))


@functools.cache
def cave_schemas() -> Mapping[str, Schema]:
    """The schemas of CAVE by their names."""
    text = resources.files("tmlib.annotation").joinpath("cave_schemas.yaml").read_text("utf-8")
    return {
        name: Schema(
            name, described["title"], tuple(_field(*item) for item in described["fields"].items())
        )
        for name, described in yaml.safe_load(text).items()
    }


def _field(name: str, described: Mapping[str, Any]) -> Field:
    more = dict(described)
    return Field(
        name,
        Kind(more.pop("kind")),
        required=not more.pop("optional", False),
        choices=tuple(more.pop("enum", ())),
        more=more,
    )


def read_json_schema(name: str, text: Mapping[str, Any]) -> Schema:
    """A schema that a lab has written.

    Parameters
    ----------
    name
        By which tables will refer to it.
    text
        A JSON Schema: an object, or a reference to one of its ``definitions``. Properties are
        texts, numbers, whole numbers, true or false, or points: references to the definition
        ``SpatialPoint`` or ``BoundSpatialPoint``, which need not be given.

    Raises
    ------
    BadInput
        If it is something else.
    """
    main, title = text, "".join(word.capitalize() for word in name.split("_"))
    if "$ref" in text:
        title = _last(text["$ref"])
        if title in POINT_NAMES.values():
            raise BadInput("The schema is a point: give an object that has points.")
        main = _object(text.get("definitions"), "definitions").get(title, {})
    main = _object(main, title)
    properties = _object(main.get("properties"), f'"properties" of {title}')
    required = main.get("required", [])
    if not isinstance(required, list) or not properties.keys() >= set(map(str, required)):
        raise BadInput('"required" of the schema must list names of its properties.')
    fields = tuple(
        _read_field(key, _object(described, key), key in required)
        for key, described in properties.items()
        if key != _VALID.name
    )
    if not fields:
        raise BadInput("The schema has no properties: give at least one.")
    return Schema(name, title, fields)


def _read_field(name: str, described: Mapping[str, Any], required: bool) -> Field:
    if not name.isidentifier() or name in ("id", *_OF_THE_SERVER) or name.endswith("_position"):
        raise BadInput(
            f'A property cannot be called "{name[:80]}": use letters, digits and underscores, and '
            "no name that every annotation has."
        )
    more = {key: described[key] for key in ("description", "order", "default") if key in described}
    choices = described.get("enum", [])
    if not isinstance(choices, Sequence) or isinstance(choices, str):
        raise BadInput(f'"enum" of "{name}" must be a list.')
    return Field(name, _kind(name, described), required, tuple(choices), more)


def _kind(name: str, described: Mapping[str, Any]) -> Kind:
    if "$ref" in described:
        kinds = {title: kind for kind, title in POINT_NAMES.items()}
        kind = kinds.get(_last(described["$ref"]))
        if kind in (Kind.POINT, Kind.BOUND_POINT):
            return kind
        raise BadInput(f'"{name}" refers to no SpatialPoint or BoundSpatialPoint.')
    types = described.get("type")
    names = [one for one in (types if isinstance(types, list) else [types]) if one != "null"]
    if names == ["integer"]:
        return Kind.ID if name == TARGET else Kind.INTEGER
    if names == ["number"] and described.get("format") == "integer":
        return Kind.INTEGER
    known = {"string": Kind.TEXT, "number": Kind.NUMBER, "boolean": Kind.BOOLEAN}
    if len(names) != 1 or names[0] not in known:
        raise BadInput(
            f'The type of "{name}" cannot be used: it must be string, number, integer or boolean, '
            "or a reference to BoundSpatialPoint."
        )
    return known[names[0]]


def _object(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadInput(f"{name} of the schema must be an object.")
    return value


def _last(reference: object) -> str:
    return str(reference).rpartition("/")[2]
