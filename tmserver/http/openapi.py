"""The OpenAPI 3.1 document, made from the same declarations that serve the requests."""

import inspect
import re
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from tmserver.authentication import READING_METHODS
from tmserver.http.api import Api
from tmserver.http.examples import Examples
from tmserver.http.operations import Operation, operations_of
from tmserver.http.parameters import FORM
from tmserver.http.routing import path_variables
from tmserver.permissions import PUBLIC, SIGNED

_REFERENCE = "#/components/schemas/{model}"
_JSON = "application/json"
_FLASK_VARIABLE = re.compile(r"<(?:\w+:)?(\w+)>")
_FILE_CONTENT = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "properties": {"file": {"type": "string", "format": "binary"}},
            "required": ["file"],
        }
    }
}

_BYTES = {"schema": {"type": "string", "format": "binary"}}

_PHRASES = {460: "Checksum Mismatch"}  # of the tus protocol, which Python does not know

_Key = tuple[Any, JsonSchemaMode]


def document(api: Api) -> dict[str, Any]:
    """The OpenAPI document of an interface."""
    schemas, definitions = _schemas(api)
    paths: dict[str, Any] = {}
    for operation in operations_of(api):
        for number, path in enumerate(operation.paths):
            paths.setdefault(_FLASK_VARIABLE.sub(r"{\1}", path), {})[operation.method.lower()] = (
                _describe(operation, path, number, schemas, definitions)
            )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": api.title,
            "version": version("tmserver"),
            "description": api.description,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": definitions,
            "securitySchemes": {**api.credentials.schemes, **api.credentials.for_reading},
        },
    }


def _schemas(api: Api) -> tuple[dict[Any, Any], dict[str, Any]]:
    """Schemas by (what they describe, mode), and the definitions that they refer to."""
    errors = {
        api.errors.model(status)
        for operation in operations_of(api)
        for status in _statuses(operation)
    }
    inputs: list[tuple[Any, JsonSchemaMode, TypeAdapter[Any]]] = [
        (model, "serialization", TypeAdapter(model)) for model in sorted(errors, key=str)
    ]
    for operation in operations_of(api):
        for model in (operation.query, operation.body):
            if model is not None:
                inputs.append((model, "validation", TypeAdapter(model)))
        if operation.answer is not None:
            inputs.append((operation.view, "serialization", operation.answer))
    schemas, shared = TypeAdapter.json_schemas(inputs, ref_template=_REFERENCE)
    return dict(schemas), shared.get("$defs", {})


def _describe(
    operation: Operation,
    path: str,
    number: int,
    schemas: dict[_Key, Any],
    definitions: dict[str, Any],
) -> dict[str, Any]:
    text = inspect.getdoc(operation.view) or ""
    summary, _, description = text.partition("\n")
    ids, examples = operation.api.ids, operation.api.examples
    parameters = [
        {
            "name": name,
            "in": "path",
            "required": True,
            **(
                {"schema": ids.schema, "example": ids.example}
                if name in operation.ids
                else {"schema": {"type": "string"}}
            ),
        }
        for name in path_variables(path)
    ]
    in_address = None if operation.takes_form else operation.query
    for model, place in ((in_address, "query"), (operation.headers, "header")):
        if model is not None:
            parameters += _parameters(model, place, examples, definitions)
    name = operation.view.__name__
    described: dict[str, Any] = {
        "operationId": name if number == 0 else f"{name}_{number}",
        "summary": summary,
        "tags": [operation.tag],
        "parameters": parameters,
        "responses": _responses(operation, schemas, definitions),
    }
    if description.strip():
        described["description"] = description.strip()
    if operation.body is not None:
        body = schemas[operation.body, "validation"]
        described["requestBody"] = {
            "required": any(field.is_required() for field in operation.body.model_fields.values()),
            "content": {
                _JSON: {"schema": body, "example": examples.of_schema(body, definitions)},
                **{media: _FILE_CONTENT.get(media, {}) for media in operation.file_types},
            },
        }
    elif operation.takes_form and operation.query is not None:
        form = schemas[operation.query, "validation"]
        described["requestBody"] = {"required": True, "content": {FORM: {"schema": form}}}
    elif operation.takes_file:
        bytes_too = {operation.takes_bytes: _BYTES} if operation.takes_bytes else {}
        described["requestBody"] = {"required": True, "content": _FILE_CONTENT | bytes_too}
    elif operation.takes_bytes:
        described["requestBody"] = {"content": {operation.takes_bytes: _BYTES}}
    if operation.permission != PUBLIC:
        credentials = operation.api.credentials
        described["security"] = [{name: []} for name in credentials.schemes]
        if operation.method == "GET" and operation.permission == SIGNED:
            described["security"] += [{name: []} for name in credentials.for_reading]
    described["x-permission"] = operation.permission.action
    return described


def _parameters(
    model: type[BaseModel], place: str, examples: Examples, definitions: dict[str, Any]
) -> list[dict[str, Any]]:
    schema = model.model_json_schema(mode="validation", ref_template=_REFERENCE)
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "in": place,
            "required": name in required,
            "schema": content,
            "example": examples.of_field(name, content, definitions),
        }
        for name, content in schema.get("properties", {}).items()
    ]


def _responses(
    operation: Operation, schemas: dict[_Key, Any], definitions: dict[str, Any]
) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "What was asked for."}
    has_content = 200 in operation.success and operation.method not in ("HEAD", "OPTIONS")
    if operation.answer is not None:
        schema = schemas[operation.view, "serialization"]
        answer = operation.api.examples.of_answer(operation.view.__name__, schema, definitions)
        if not operation.is_bare:
            key = str(operation.api.envelope)
            schema = {"type": "object", "properties": {key: schema}, "required": [key]}
            answer = {key: answer}
        others: dict[str, Any] = {media: {} for media in operation.media}
        success["content"] = {_JSON: {"schema": schema, "example": answer}, **others}
    elif has_content:
        success["content"] = {media: {} for media in operation.media or (_JSON,)}
    responses = {str(status): success for status in operation.success}
    if 304 in operation.success:
        responses["304"] = {"description": "What the sender has still holds."}
    form = operation.api.errors
    for status in sorted(_statuses(operation)):
        responses[str(status)] = {
            "description": _PHRASES.get(status) or HTTPStatus(status).phrase,
            "content": {form.media_type: {"schema": schemas[form.model(status), "serialization"]}},
        }
    return responses


def _statuses(operation: Operation) -> set[int]:
    """Status codes of the errors that an operation can answer."""
    form = operation.api.errors
    statuses = {form.statuses.get(status, status) for status in _usual_statuses(operation)}
    has_parameters = operation.query or operation.headers or operation.ids
    if has_parameters or operation.body is not None:
        statuses.add(form.invalid_status)
    return statuses


def _usual_statuses(operation: Operation) -> set[int]:
    """The same, but for requests that do not fit the description, whatever the interface."""
    statuses = set(operation.raises)
    if operation.takes_body:
        statuses.add(408)
    if operation.takes_file or operation.body is not None or operation.takes_form:
        statuses.add(400)
    if operation.body is not None or operation.takes_form:
        statuses.add(413)
        if operation.takes_form or not operation.api.any_content_type:
            statuses.add(415)
    if operation.permission != PUBLIC:
        statuses |= {401, 503}
        # a cookie without proof of its origin, a token that may only read, a signed URL
        if operation.method not in READING_METHODS or not operation.permission.only_reads:
            statuses.add(403)
    if operation.permission.is_of_resource:
        statuses.add(404)
    return statuses
