"""What the OpenAPI documents tell."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
from flask import Flask

from tests.tmserver.conftest import documented_path
from tmserver.http.api import Api
from tmserver.http.operations import Operation

JSON = "application/json"

Documents = dict[Api, dict[str, Any]]


def test_every_answer_has_an_example_of_its_form(documents: Documents) -> None:
    n_examples = 0
    for document, what, operation in described(documents):
        answer = operation["responses"].get("200", {}).get("content", {}).get(JSON)
        if answer:
            check(document, answer["schema"], answer["example"], what)
            n_examples += 1
    assert n_examples > 50


def test_every_request_has_an_example_that_is_accepted(app: Flask, documents: Documents) -> None:
    bodies = set()
    for rule in app.url_map.iter_rules():
        operation = app.view_functions[rule.endpoint]
        assert isinstance(operation, Operation)
        path = documented_path(rule.rule)
        described = documents[operation.api]["paths"][path][operation.method.lower()]
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


def test_examples_say_more_than_their_type(documents: Documents) -> None:
    for _, what, operation in described(documents):
        for content in (operation.get("requestBody", {}), *operation["responses"].values()):
            example = content.get("content", {}).get(JSON, {}).get("example")
            assert "'text'" not in str(example), f"{what}: {example}"


def test_signatures_are_offered_where_they_can_be_made(documents: Documents) -> None:
    signed = {
        what
        for _, what, operation in described(documents)
        if "signature" in str(operation.get("security"))
    }
    assert len(signed) > 50
    assert all("/experiments/{experiment_id}" in what for what in signed)


def described(documents: Documents) -> Iterator[tuple[dict[str, Any], str, dict[str, Any]]]:
    """Every operation: the document that it is in, what it is called, what is told of it."""
    for document in documents.values():
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                yield document, f"{method} {path}", operation


def check(document: dict[str, Any], schema: dict[str, Any], example: Any, what: str) -> None:
    validator = jsonschema_rs.Draft202012Validator(
        {**schema, "components": {"schemas": document["components"]["schemas"]}}
    )
    errors = [str(error) for error in validator.iter_errors(example)]
    assert not errors, f"{what}: {example}: {errors}"
