"""Annotation schemas: which fields the rows of a table have.

There are those of CAVE, which its clients know by name, and those that a lab has written as JSON
Schema and added under a name of its own.
"""

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

import yaml
from pydantic_core import SchemaValidator, ValidationError, core_schema

from tmlib.annotation.errors import described
from tmlib.annotation.fields import POINT_NAMES, Field, Kind, plain_number, point_definition
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

OF_THE_SERVER = ("created", "deleted", "superceded_id", "valid", "type", AUTHOR)
"""What rows are read with, and may therefore be sent back with."""

# of the rows of each table, as they are written for other programs
_COLUMNS_OF_TABLES = ("created_at", "deleted_at", "superseded_by")
_COLUMNS_OF_POINTS = tuple(f"{form}_{axis}" for form in ("", "_position") for axis in "xyz")
_DEFAULT = "default"

GREATEST_ID = 2**53
"""Of a row: beyond it doubles skip whole numbers."""

GREATEST_GIVEN_ID = 2**52
"""Of a row whose sender numbers it, so that there are always greater numbers for others."""


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
        return tuple(field.name for field in self.fields if field.has_coordinates)

    @functools.cached_property
    def by_name(self) -> Mapping[str, Field]:
        """The fields by their names."""
        return {field.name: field for field in self.fields}

    def point_column(self, name: str) -> str:
        """The column of a point, of which there must be one of this name.

        Raises
        ------
        BadInput
            If there is none.
        """
        if name not in self.points:
            known = ", ".join(self.points) or "none"
            raise BadInput(f'Rows of the schema {self.name} have no point "{name[:80]}": {known}.')
        return self.by_name[name].column

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
        number = plain_number(
            core_schema.int_schema(
                ge=1 if is_update else 0, le=GREATEST_ID if is_update else GREATEST_GIVEN_ID
            )
        )
        fields: dict[str, core_schema.TypedDictField] = {
            name: core_schema.typed_dict_field(core_schema.any_schema(), required=False)
            for name in OF_THE_SERVER
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


def check_schema(schema: Schema, text: Mapping[str, Any]) -> None:
    """Refuse a schema of a lab by which rows could not be kept, shown or described.

    Parameters
    ----------
    schema
        As it was understood.
    text
        As it was written.

    Raises
    ------
    BadInput
        If it cannot be used.
    """
    if schema.title in POINT_NAMES.values():
        raise BadInput(f"The schema would be called {schema.title}, like points: rename it.")
    try:
        written = json.dumps(text, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise BadInput("The schema has a number that is not finite, or a broken text.") from None
    if rb"\u0000" in written.replace(rb"\\", b""):
        raise BadInput("The schema contains a NUL character.")
    of_points = {f"{point}{column}" for point in schema.points for column in _COLUMNS_OF_POINTS}
    for field in schema.fields:
        if field.name in of_points | set(_COLUMNS_OF_TABLES):
            raise BadInput(
                f'A property cannot be called "{field.name}": tables have a column of this name.'
            )
        _check_field(field)


def _check_field(field: Field) -> None:
    if field.name == TARGET and field.kind is not Kind.ID:
        raise BadInput(f'"{TARGET}" is the number of a row: its type must be integer.')
    for what, values, check in (
        ("enum", field.choices, replace(field, required=True, choices=())),
        ("default", [field.more[_DEFAULT]] if _DEFAULT in field.more else [], field),
    ):
        validator = SchemaValidator(check.validator(), {"strict": True})
        for value in values:
            try:
                validator.validate_python(value)
            except ValidationError as error:
                problem = described(error.errors(include_url=False)[0])
                raise BadInput(f'"{what}" of "{field.name}" cannot be used: {problem}.') from None


def _read_field(name: str, text: Mapping[str, Any], required: bool) -> Field:
    if not name.isidentifier() or name in ("id", *OF_THE_SERVER) or name.endswith("_position"):
        raise BadInput(
            f'A property cannot be called "{name[:80]}": use letters, digits and underscores, and '
            "no name that every annotation has."
        )
    more = {key: text[key] for key in ("description", "order", _DEFAULT) if key in text}
    choices = text.get("enum", [])
    if not isinstance(choices, Sequence) or isinstance(choices, str):
        raise BadInput(f'"enum" of "{name}" must be a list.')
    # whether a value may be missing says "required"
    known = tuple(choice for choice in choices if choice is not None)
    return Field(name, _kind(name, text), required, known, more)


def _kind(name: str, text: Mapping[str, Any]) -> Kind:
    if "$ref" in text:
        kinds = {title: kind for kind, title in POINT_NAMES.items()}
        kind = kinds.get(_last(text["$ref"]))
        if kind in (Kind.POINT, Kind.BOUND_POINT):
            return kind
        raise BadInput(f'"{name}" refers to no SpatialPoint or BoundSpatialPoint.')
    types = text.get("type")
    names = [one for one in (types if isinstance(types, list) else [types]) if one != "null"]
    if names == ["integer"]:
        return Kind.ID if name == TARGET else Kind.INTEGER
    if names == ["number"] and text.get("format") == "integer":
        return Kind.INTEGER
    known = {"string": Kind.TEXT, "number": Kind.NUMBER, "boolean": Kind.BOOLEAN}
    if len(names) != 1 or not isinstance(names[0], str) or names[0] not in known:
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
