"""Examples in the OpenAPI document, composed from the examples of single fields.

A field that a model declares with ``examples`` keeps its own. All others are found by their name in
what an interface gives for its document, so that the same things run through the whole of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_SIMPLE: dict[str, Any] = {
    "array": [],
    "boolean": True,
    "integer": 1,
    "null": None,
    "number": 0.5,
    "object": {},
    "string": "text",
}


@dataclass(frozen=True)
class Examples:
    """Where examples are taken from.

    Attributes
    ----------
    fields
        Values by the names of fields and of parameters.
    models
        Values of fields by the names of their models, which go first.
    answers
        What views answer whose models say too little, by their names.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    answers: Mapping[str, Any] = field(default_factory=dict)

    def of_schema(self, schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:
        """A value that a JSON schema describes.

        Parameters
        ----------
        schema
            The schema, whose references are names of `definitions`.
        definitions
            Schemas of the models, by name.
        """
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return self._of_properties(definitions[name], definitions, self.models.get(name, {}))
        return self._of_properties(schema, definitions, {})

    def of_field(self, name: str, schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:
        """A value of one field, or of one parameter of a query."""
        if name in self.fields and "examples" not in schema and _admits(schema, self.fields[name]):
            return self.fields[name]
        return self.of_schema(schema, definitions)

    def of_answer(
        self, view: str, schema: Mapping[str, Any], definitions: Mapping[str, Any]
    ) -> Any:
        """What a view answers."""
        return self.answers[view] if view in self.answers else self.of_schema(schema, definitions)

    def _of_properties(
        self,
        schema: Mapping[str, Any],
        definitions: Mapping[str, Any],
        known: Mapping[str, Any],
    ) -> Any:
        if "properties" not in schema:
            return self._of_type(schema, definitions)
        return {
            name: known[name] if name in known else self.of_field(name, content, definitions)
            for name, content in schema["properties"].items()
        }

    def _of_type(self, schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:
        if "examples" in schema:
            return schema["examples"][0]
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][0]
        if schema.get("default") is not None:
            return schema["default"]
        for key in ("anyOf", "oneOf", "allOf"):
            if key in schema:
                return self.of_schema(schema[key][0], definitions)
        if "prefixItems" in schema:
            return [self.of_schema(item, definitions) for item in schema["prefixItems"]]
        if schema.get("type") == "array" and schema.get("items"):
            return [self.of_schema(schema["items"], definitions)]
        if "minimum" in schema:
            return schema["minimum"]
        return _SIMPLE[schema.get("type", "object")]


def _admits(schema: Mapping[str, Any], value: Any) -> bool:
    """Whether a schema, or one of its alternatives, is of a value's type."""
    names = {str: "string", bool: "boolean", int: "integer", list: "array", float: "number"}
    alternatives = schema.get("anyOf", [schema])
    return any(one.get("type") == names[type(value)] for one in alternatives)
