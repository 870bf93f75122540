"""GraphQL over HTTP."""

import functools
import json
from collections.abc import Mapping
from typing import Any

from flask import Response, request
from graphql import print_schema

from tmlib.errors import BadInput
from tmserver.access import Access
from tmserver.http.compression import compressed_response
from tmserver.http.documentation import declare_document
from tmserver.http.json_bodies import check_json
from tmserver.http.mounts import add_view
from tmserver.http.routing import PROJECT_BODY, Routes
from tmserver.portal.answering import Query, answer
from tmserver.portal.schema import SCHEMA

MOST_ITEMS = 200_000

_JSON = "application/json"

routes = Routes("graphql")


def graphql(access: Access) -> Response:
    """Ask for classes of the catalogue, what they are related to, and numbers about them.

    The query is ``{"query": ..., "variables": ..., "operationName": ...}`` in the body, or has the
    same names in the address. What is wrong with it is told in the answer, as `errors`.
    """
    content = answer(access.database, _query())
    return compressed_response(iter([content]), _JSON)


def _query() -> Query:
    given = _given()
    text, variables = given.get("query"), given.get("variables") or {}
    operation = given.get("operationName") or None
    if not isinstance(text, str) or not text.strip():
        raise BadInput("There is no query: send JSON with a text query.")
    if not isinstance(variables, dict):
        raise BadInput("The variables are no JSON object.")
    if not isinstance(operation, str | None):
        raise BadInput("The operationName is no text.")
    return Query(text, variables, operation, may_change=request.method == "POST")


def _given() -> Mapping[str, Any]:
    if request.method == "GET":
        given: dict[str, Any] = request.args.to_dict()
        if given.get("variables"):
            given["variables"] = _json(given["variables"].encode())
        return given
    content = request.get_data()
    if request.mimetype == "application/graphql":
        return {"query": content.decode(errors="replace")}
    given = _json(content)
    if not isinstance(given, dict):
        raise BadInput('The body is no JSON object: send {"query": "..."}.')
    return given


def _json(content: bytes) -> Any:
    check_json(content, MOST_ITEMS)
    try:
        return json.loads(content)
    except ValueError:
        raise BadInput('The body is no JSON: send {"query": "..."}.') from None


add_view(
    routes,
    ("/graphql", "/graphql/"),
    graphql,
    permits="public",
    only_reads=True,
    raises=(400, 503),
    media=(_JSON,),
    max_bytes=PROJECT_BODY,
)
declare_document(routes, "/graphql/openapi.json")


@routes.get("/graphql/schema.graphql", permits="public", media=("text/plain",))
def get_schema(access: Access) -> Response:
    """Get the schema as a document of GraphQL."""
    return Response(_schema(), mimetype="text/plain")


@functools.cache
def _schema() -> str:
    return print_schema(SCHEMA)
