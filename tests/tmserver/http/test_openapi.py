"""What the document at /api/openapi.json tells."""

import json
from typing import Any

import jsonschema_rs
import pytest
from flask import Flask

from tests.tmserver.conftest import Person
from tmserver.http.routing import Operation

JSON = "application/json"


@pytest.fixture
def document(anonymous: Person) -> dict[str, Any]:
    described: dict[str, Any] = anonymous.get("/api/openapi.json")
    return described


def test_every_answer_has_an_example_of_its_form(document: dict[str, Any]) -> None:
    n_examples = 0
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            answer = operation["responses"].get("200", {}).get("content", {}).get(JSON)
            if answer:
                check(document, answer["schema"], answer["example"], f"{method} {path}")
                n_examples += 1
    assert n_examples > 50


def test_every_request_has_an_example_that_is_accepted(
    app: Flask, document: dict[str, Any]
) -> None:
    bodies = set()
    for rule in app.url_map.iter_rules():
        operation = app.view_functions[rule.endpoint]
        assert isinstance(operation, Operation)
        path = rule.rule.replace("<", "{").replace(">", "}")
        described = document["paths"][path][operation.method.lower()]
        if operation.body is not None:
            example = described["requestBody"]["content"][JSON]["example"]
            operation.body.model_validate_json(json.dumps(example))
            bodies.add(operation.body)
        if operation.takes_form:
            assert "requestBody" in described
        elif operation.query is not None:
            query = {
                parameter["name"]: parameter["example"]
                for parameter in described["parameters"]
                if parameter["in"] == "query" and parameter["example"] is not None
            }
            operation.query.model_validate(query)
    assert len(bodies) > 10


def test_examples_say_more_than_their_type(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for content in (operation.get("requestBody", {}), *operation["responses"].values()):
                example = content.get("content", {}).get(JSON, {}).get("example")
                assert "'text'" not in str(example), f"{method} {path}: {example}"


def check(document: dict[str, Any], schema: dict[str, Any], example: Any, what: str) -> None:
    validator = jsonschema_rs.Draft202012Validator(
        {**schema, "components": {"schemas": document["components"]["schemas"]}}
    )
    errors = [str(error) for error in validator.iter_errors(example)]
    assert not errors, f"{what}: {example}: {errors}"
