"""Routes: typed views, and the permission without which there is none.

A view is a plain function. Its annotations say what it takes and gives: ``access`` first, the
numbers behind the opaque ids of its path, a pydantic model ``query``, a pydantic model ``body``,
and the model that it returns. The same annotations make the OpenAPI document.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_type_hints

from flask import Flask, Response, request
from pydantic import BaseModel, TypeAdapter, ValidationError
from werkzeug.exceptions import UnsupportedMediaType
from werkzeug.routing import Map, Rule

from tmlib.errors import BadInput
from tmlib.ids import decode_id
from tmserver.access import current_services
from tmserver.permissions import Permission, authorize
from tmserver.schemas import Bare
from tmserver.validation import describe

View = TypeVar("View", bound=Callable[..., Any])


class RouteError(Exception):
    """A route is declared in a way that cannot be served safely."""


class Operation:
    """One thing that can be done over HTTP, under one or several paths; Flask's view function.

    Parameters
    ----------
    method, paths
        What is asked for. A variable of a path that ends with ``_id`` is an opaque id.
    permission
        What the sender must be allowed to do.
    view
        The function that does it.
    tag
        The resource that it belongs to.
    raises
        Status codes of errors beyond those that follow from the rest.
    media_types
        What is sent when it is not JSON.
    takes_file
        Whether the view itself reads a file from the body.
    """

    def __init__(
        self,
        method: str,
        paths: tuple[str, ...],
        permission: Permission,
        view: Callable[..., Any],
        *,
        tag: str,
        raises: tuple[int, ...] = (),
        media_types: tuple[str, ...] = (),
        takes_file: bool = False,
    ) -> None:
        self.method = method
        self.paths = paths
        self.permission = permission
        self.view = view
        self.tag = tag
        self.raises = raises
        self.media_types = media_types
        hints = get_type_hints(view, include_extras=True)
        self._check(hints)
        self.query: type[BaseModel] | None = hints.get("query")
        self.body: type[BaseModel] | None = hints.get("body")
        returned = hints["return"]
        is_class = inspect.isclass(returned)
        is_raw = is_class and issubclass(returned, Response)
        self.answer: TypeAdapter[Any] | None = None if is_raw else TypeAdapter(returned)
        self.is_bare = is_class and issubclass(returned, Bare)
        self.takes_file = takes_file

    def _check(self, hints: Mapping[str, Any]) -> None:
        for path in self.paths:
            variables = path_variables(path)
            if ("experiment_id" in variables) != self.permission.is_of_experiment:
                raise RouteError(f"{path}: permission {self.permission} does not fit the path")
            expected = {"access", *variables} - {"experiment_id"}
            if expected != set(hints) - {"return", "query", "body"}:
                raise RouteError(f"{path}: {self.view.__name__} must take {sorted(expected)}")
        if not issubclass(self.permission.access, hints["access"]):
            raise RouteError(f"{self.view.__name__} needs more than {self.permission} gives")

    def __call__(self, **variables: str) -> Response:
        """Answer the present request: who may, what is asked, the view, its answer."""
        access = authorize(
            current_services(), self.permission, variables.pop("experiment_id", None)
        )
        arguments: dict[str, Any] = {
            name: decode_id(value) if name.endswith("_id") else value
            for name, value in variables.items()
        }
        if self.query is not None:
            arguments["query"] = _parse_query(self.query)
        if self.body is not None:
            arguments["body"] = _parse_body(self.body)
        result = self.view(access, **arguments)
        if self.answer is None:
            return result  # type: ignore[no-any-return] # the view returns a response itself
        content = self.answer.dump_json(result)
        if not self.is_bare:
            content = b'{"data":' + content + b"}"
        return Response(content, mimetype="application/json")


class Routes:
    """The operations on one resource."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.operations: list[Operation] = []

    def get(
        self, *paths: str, permits: str, raises: tuple[int, ...] = (), media: tuple[str, ...] = ()
    ) -> Callable[[View], View]:
        """Declare a view that looks something up."""
        return self._declare("GET", paths, permits, raises=raises, media_types=media)

    def post(
        self, *paths: str, permits: str, raises: tuple[int, ...] = (), takes_file: bool = False
    ) -> Callable[[View], View]:
        """Declare a view that creates or starts something."""
        return self._declare("POST", paths, permits, raises=raises, takes_file=takes_file)

    def put(
        self, *paths: str, permits: str, raises: tuple[int, ...] = ()
    ) -> Callable[[View], View]:
        """Declare a view that changes something."""
        return self._declare("PUT", paths, permits, raises=raises)

    def patch(
        self, *paths: str, permits: str, raises: tuple[int, ...] = ()
    ) -> Callable[[View], View]:
        """Declare a view that changes a part of something."""
        return self._declare("PATCH", paths, permits, raises=raises)

    def delete(
        self, *paths: str, permits: str, raises: tuple[int, ...] = ()
    ) -> Callable[[View], View]:
        """Declare a view that removes something."""
        return self._declare("DELETE", paths, permits, raises=raises)

    def head(
        self, *paths: str, permits: str, raises: tuple[int, ...] = ()
    ) -> Callable[[View], View]:
        """Declare a view that answers with headers alone, where there is none for GET."""
        return self._declare("HEAD", paths, permits, raises=raises)

    def options(
        self, *paths: str, permits: str, raises: tuple[int, ...] = ()
    ) -> Callable[[View], View]:
        """Declare a view that tells what a path can do, instead of Flask's own answer."""
        return self._declare("OPTIONS", paths, permits, raises=raises)

    def _declare(
        self, method: str, paths: tuple[str, ...], permits: str, **more: Any
    ) -> Callable[[View], View]:
        def declare(view: View) -> View:
            permission = Permission(permits)
            self.operations.append(Operation(method, paths, permission, view, tag=self.tag, **more))
            return view

        return declare

    def register(self, app: Flask) -> None:
        """Serve the operations."""
        tell_options = {
            path
            for operation in self.operations
            if operation.method == "OPTIONS"
            for path in operation.paths
        }
        for operation in self.operations:
            for number, path in enumerate(operation.paths):
                app.add_url_rule(
                    path,
                    endpoint=f"{self.tag}.{operation.view.__name__}.{number}",
                    view_func=operation,
                    methods=[operation.method],
                    provide_automatic_options=path not in tell_options,
                )


def path_variables(path: str) -> list[str]:
    """Names of the variables of a path."""
    rule = Rule(path)
    rule.bind(Map())
    return sorted(rule.arguments)


def refuse_undeclared(app: Flask) -> None:
    """Make sure that every route of the application declares its permission.

    Raises
    ------
    RouteError
        If one does not.
    """
    for rule in app.url_map.iter_rules():
        if not isinstance(app.view_functions[rule.endpoint], Operation):
            raise RouteError(f"{rule.rule}: the route declares no permission")


def _parse_query(model: type[BaseModel]) -> BaseModel:
    given = {name: value for name, value in request.args.items() if value != ""}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise BadInput(describe(error, request.method, in_query=True)) from None


def _parse_body(model: type[BaseModel]) -> BaseModel:
    content = request.get_data(cache=False)
    if not content:
        content = b"{}"
    elif not request.is_json:
        raise UnsupportedMediaType("Send the body as JSON, with Content-Type: application/json.")
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        raise BadInput(describe(error, request.method, in_query=False)) from None
