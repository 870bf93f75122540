"""The schemas of annotations: CAVE's as it serves them, and those of labs."""

import json
from pathlib import Path
from typing import Any

import pytest

from tmlib.annotation.schemas import cave_schemas, check_schema, read_json_schema
from tmlib.errors import BadInput

POINT = {"$ref": "#/definitions/BoundSpatialPoint"}
GOLDEN = json.loads(Path(__file__).with_name("cave_schemas.json").read_text())


def test_the_schemas_are_those_of_cave() -> None:
    assert {name: schema.json_schema() for name, schema in cave_schemas().items()} == GOLDEN


@pytest.mark.parametrize("name", ["bound_tag", "synapse", "fly_cell_type_ext", "reference_tag"])
def test_a_schema_is_understood_in_the_form_in_which_it_is_served(name: str) -> None:
    assert read_json_schema(name, GOLDEN[name]).json_schema() == GOLDEN[name]


def test_a_schema_of_a_lab_needs_no_definitions() -> None:
    schema = read_json_schema(
        "mitosis",
        {
            "type": "object",
            "properties": {
                "pt": {"$ref": "#/definitions/BoundSpatialPoint"},
                "phase": {"type": "string", "enum": ["prophase", "anaphase"]},
                "spindle_length": {"type": ["number", "null"]},
            },
            "required": ["pt", "phase"],
        },
    )
    assert schema.points == ("pt",)
    written = schema.json_schema()
    assert written["$ref"] == "#/definitions/Mitosis"
    assert set(written["definitions"]) == {"BoundSpatialPoint", "Mitosis"}
    assert written["definitions"]["Mitosis"]["required"] == ["phase", "pt"]


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ({}, '"properties"'),
        ({"properties": {"a": {"type": "array"}}}, 'type of "a"'),
        ({"properties": {"a": {"$ref": "#/definitions/Other"}}}, '"a" refers to no'),
        ({"properties": {"a b": {"type": "string"}}}, '"a b"'),
        ({"properties": {"created": {"type": "string"}}}, '"created"'),
        ({"properties": {"a": {"type": "string"}}, "required": ["b"]}, '"required"'),
        ({"properties": {"a": {"type": "string", "enum": "xy"}}}, '"enum" of "a"'),
        ({"$ref": "#/definitions/A"}, "definitions"),
        ({"properties": {"valid": {"type": "boolean"}}}, "no properties"),
        ({"properties": {"a": {"type": [{}]}}}, 'type of "a"'),
        ({"properties": {"a": {"type": "string", "enum": [1]}}}, '"enum" of "a".*string'),
        ({"properties": {"a": {"type": "string", "enum": [[]]}}}, '"enum" of "a".*string'),
        ({"properties": {"a": {"type": "number", "default": "x"}}}, '"default" of "a".*number'),
        ({"properties": {"a": {"type": "number", "default": float("nan")}}}, "not finite"),
        ({"properties": {"a": {"type": "string", "description": "\0"}}}, "NUL"),
        ({"properties": {"a": {"type": "string", "description": "\ud800"}}}, "broken text"),
        ({"properties": {"target_id": {"type": "string"}}}, '"target_id".*integer'),
        ({"properties": {"created_at": {"type": "string"}}}, "column of this name"),
        ({"properties": {"pt": POINT, "pt_x": {"type": "number"}}}, "column of this name"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused(definition: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        check_schema(read_json_schema("mine", definition), definition)


def test_a_schema_cannot_be_called_like_points() -> None:
    definition = {"properties": {"a": {"type": "string"}}}
    with pytest.raises(BadInput, match="called SpatialPoint"):
        check_schema(read_json_schema("spatial_point", definition), definition)
