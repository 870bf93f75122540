"""Routes: typed views, and the permission without which there is none.

A view is a plain function. Its annotations say what it takes and gives: ``access`` first, the
numbers behind the opaque ids of its path, pydantic models ``query``, ``headers`` and ``body``,
and the model that it returns. The same annotations make the OpenAPI document.
"""

import functools
import inspect
import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Any, Self, TypedDict, TypeVar, Unpack, cast, get_args, get_type_hints
from urllib.parse import parse_qs

from flask import Flask, Response, request
from pydantic import AliasChoices, BaseModel, TypeAdapter, ValidationError
from werkzeug.exceptions import HTTPException, UnsupportedMediaType
from werkzeug.routing import Map, Rule

from tmlib.errors import BadInput
from tmlib.ids import decode_id
from tmserver.access import current_services
from tmserver.audit_trail import audit_entry
from tmserver.authentication import READING_METHODS, SIGNATURE
from tmserver.http.json_bodies import check_json
from tmserver.http.multipart import whole_body
from tmserver.http.schemas import Bare
from tmserver.http.validation import cut, describe
from tmserver.permissions import PUBLIC, Permission, authorize
from tmserver.scopes import Scope
from tmserver.serving.limits import SMALL_BODY

View = TypeVar("View", bound=Callable[..., Any])


PROJECT_BODY = 4 * 1024**2
"""Largest body of a request that brings a pipeline or a list."""

LIST_BODY = 32 * 1024**2
"""Largest body of a request that brings names or numbers of 100,000 files or objects."""

LARGE_BODY = 64 * 1024**2
"""Largest body of a request that brings objects or files."""

MANY_ITEMS = 20_000_000
"""Most values in a request that brings them for the pixels or objects of a site."""

FORM = "application/x-www-form-urlencoded"

_MAX_ITEMS = 1_000_000
_MAX_FIELDS = 100

_large_bodies = threading.Semaphore()


class RouteError(Exception):
    """A route is declared in a way that cannot be served safely."""


class Details(TypedDict, total=False):
    """What can be said about an operation, beyond what the annotations of its view say."""

    raises: tuple[int, ...]
    media: tuple[str, ...]
    takes_file: bool
    takes_bytes: str
    file_types: tuple[str, ...]
    success: tuple[int, ...]
    is_event: bool
    max_bytes: int
    max_items: int


class LookupDetails(Details, total=False):
    """The same of an operation that looks something up."""

    by_form: bool


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
    scope
        What the permission is for, if it is for something that the path names.
    raises
        Status codes of errors beyond those that follow from the rest.
    media
        Media types of what is sent when it is not JSON, or may be sent in place of it.
    takes_file
        Whether the view itself reads a file from the body.
    takes_bytes
        Media type of a body that the view itself reads.
    file_types
        Media types of files that may come in place of JSON; the view reads them, its `body` is
        None then.
    success
        Status codes of answers other than errors.
    is_event
        False keeps an operation out of the audit trail, one that changes nothing or that is
        repeated for each of thousands of files.
    max_bytes
        Largest body: some kilobytes, unless it brings much. A larger one is read only when it is
        known who sends it.
    max_items
        How many values there may be in a body.
    takes_form
        Whether the query comes as a form in the body instead of in the address.

    Attributes
    ----------
    is_event
        Whether the audit trail tells of it: otherwise all that may change something.
    """

    def __init__(
        self,
        method: str,
        paths: tuple[str, ...],
        permission: Permission,
        view: Callable[..., Any],
        *,
        tag: str,
        scope: Scope | None = None,
        raises: tuple[int, ...] = (),
        media: tuple[str, ...] = (),
        takes_file: bool = False,
        takes_bytes: str = "",
        file_types: tuple[str, ...] = (),
        success: tuple[int, ...] = (200,),
        is_event: bool = True,
        max_bytes: int = 0,
        max_items: int = _MAX_ITEMS,
        takes_form: bool = False,
    ) -> None:
        self.method = method
        self.paths = paths
        self.permission = permission
        self.view = view
        self.tag = tag
        self.scope = scope
        self._variable = (scope and scope.variable) or ""
        self.raises = raises
        self.media = media
        hints = get_type_hints(view, include_extras=True)
        self._check(hints)
        self.query: type[BaseModel] | None = hints.get("query")
        self.headers: type[BaseModel] | None = hints.get("headers")
        self.body: type[BaseModel] | None = _without(hints.get("body"), NoneType)
        returned = _without(hints["return"], Response)
        is_class = inspect.isclass(returned)
        is_raw = is_class and issubclass(returned, Response)
        self.answer: TypeAdapter[Any] | None = None if is_raw else TypeAdapter(returned)
        self.is_bare = is_class and issubclass(returned, Bare)
        self.takes_file = takes_file
        self.takes_bytes = takes_bytes
        self.file_types = file_types
        self.success = success
        may_change = method not in READING_METHODS and not permission.only_reads
        self.is_event = is_event and may_change
        brings_files = takes_file or takes_bytes or file_types
        self.max_items = max_items
        self.takes_form = takes_form
        self.max_bytes = max_bytes or (LARGE_BODY if brings_files else SMALL_BODY)

    def _check(self, hints: Mapping[str, Any]) -> None:
        # what a path can do is told to anybody: browsers ask that before they log in
        is_told = self.method == "OPTIONS" and self.permission == PUBLIC
        variable = self.scope.variable if self.scope else None
        of_scope = set() if variable is None else {variable}
        for path in self.paths:
            if bool(of_scope) != self.permission.is_of_resource and not is_told:
                raise RouteError(f"{path}: permission {self.permission} does not fit the path")
            variables = set(path_variables(path))
            if not of_scope <= variables:
                raise RouteError(f"{path}: the path lacks a variable of {sorted(of_scope)}")
            expected = {"access", *variables} - of_scope
            if expected != set(hints) - {"return", "query", "headers", "body"}:
                raise RouteError(f"{path}: {self.view.__name__} must take {sorted(expected)}")
        if not issubclass(self.permission.access, hints["access"]):
            raise RouteError(f"{self.view.__name__} needs more than {self.permission} gives")

    def __call__(self, **variables: str) -> Response:
        """Answer the present request: who may, what is asked, the view, its answer."""
        if self.is_event:
            audit_entry().begin(self.view.__name__, variables)
        access = authorize(
            current_services(),
            self.permission,
            variables.pop(self._variable, None),
            reads=self.method in READING_METHODS or self.takes_form,
        )
        request.max_content_length = self.max_bytes
        arguments: dict[str, Any] = {
            name: decode_id(value) if name.endswith("_id") else value
            for name, value in variables.items()
        }
        if self.query is not None:
            sent = self._read_form() if self.takes_form else request.args
            arguments["query"] = _parse_query(self.query, sent)
        if self.headers is not None:
            arguments["headers"] = _parse_headers(self.headers)
        if self.body is not None:
            is_file = request.mimetype in self.file_types
            arguments["body"] = None if is_file else self._parse_body(self.body)
            if self.is_event:
                audit_entry().takes(arguments["body"])
        result = self.view(access, **arguments)
        if self.answer is None or isinstance(result, Response):
            return result  # type: ignore[no-any-return] # the view returns a response itself
        content = self.answer.dump_json(result)
        if not self.is_bare:
            content = b'{"data":' + content + b"}"
        return Response(content, mimetype="application/json")

    def _read_form(self) -> dict[str, str]:
        content = whole_body()
        if request.mimetype != FORM:
            raise UnsupportedMediaType(f"Send the query as a form, with Content-Type: {FORM}.")
        try:
            sent = parse_qs(content.decode(), max_num_fields=_MAX_FIELDS)
        except ValueError as error:
            raise BadInput(f"The form cannot be read: {error}.") from None
        for values in sent.values():
            check_json(values[0].encode(), self.max_items)
        return {name: values[0] for name, values in sent.items()}

    def _parse_body(self, model: type[BaseModel]) -> BaseModel:
        content = whole_body()
        if not content:
            content = b"{}"
        elif not request.is_json:
            raise UnsupportedMediaType(
                "Send the body as JSON, with Content-Type: application/json."
            )
        # one by one, since they take much more memory while they are parsed
        with _large_bodies if len(content) > SMALL_BODY else nullcontext():
            check_json(content, self.max_items)
            try:
                return model.model_validate_json(content)
            except ValidationError as error:
                raise BadInput(describe(error, request.method, in_query=False)) from None


class Routes:
    """The operations on one resource.

    Parameters
    ----------
    tag
        The resource.
    scope
        What the permissions are for, unless they are for the whole installation.
    prefix
        Where all paths begin; that of the scope if not given.
    """

    def __init__(self, tag: str, *, scope: Scope | None = None, prefix: str | None = None) -> None:
        self.tag = tag
        self.operations: list[Operation] = []
        self._scope = scope
        self._prefix = prefix if prefix is not None else scope.path if scope else ""

    def within(self, scope: Scope, prefix: str | None = None) -> Self:
        """The same routes, to which those are added that are declared within a scope."""
        routes = type(self)(self.tag, scope=scope, prefix=prefix)
        routes.operations = self.operations
        return routes

    def get(
        self, *paths: str, permits: str, **more: Unpack[LookupDetails]
    ) -> Callable[[View], View]:
        """Declare a view that looks something up.

        With ``by_form``, for queries that may be longer than an address, there is a POST route as
        well, with ``/query`` at its end, that takes the same query as a form.
        """
        by_form = more.pop("by_form", False)
        details = cast(Details, more)
        declare = self._declare("GET", paths, permits, details)

        def declare_both(view: View) -> View:
            if by_form:
                self._declare_form(paths, self._permission(permits), view, details)
            return declare(view)

        return declare_both

    def _declare_form(
        self, paths: tuple[str, ...], permission: Permission, view: View, more: Details
    ) -> None:
        @functools.wraps(view)
        def by_form(*arguments: Any, **named: Any) -> Any:
            return view(*arguments, **named)

        by_form.__name__ = f"{view.__name__}_by_form"
        by_form.__doc__ = f"{inspect.getdoc(view)}\n\nThe query is a form in the body."
        more = more.copy()
        more.setdefault("max_bytes", PROJECT_BODY)
        operation = Operation(
            "POST",
            tuple(f"{self._prefix}{path}/query" for path in paths),
            permission,
            by_form,
            tag=self.tag,
            scope=self._scope,
            takes_form=True,
            **more,
        )
        self.operations.append(operation)

    def post(self, *paths: str, permits: str, **more: Unpack[Details]) -> Callable[[View], View]:
        """Declare a view that creates or starts something."""
        return self._declare("POST", paths, permits, more)

    def put(self, *paths: str, permits: str, **more: Unpack[Details]) -> Callable[[View], View]:
        """Declare a view that changes something."""
        return self._declare("PUT", paths, permits, more)

    def patch(self, *paths: str, permits: str, **more: Unpack[Details]) -> Callable[[View], View]:
        """Declare a view that changes a part of something."""
        return self._declare("PATCH", paths, permits, more)

    def delete(self, *paths: str, permits: str, **more: Unpack[Details]) -> Callable[[View], View]:
        """Declare a view that removes something."""
        return self._declare("DELETE", paths, permits, more)

    def head(self, *paths: str, permits: str, **more: Unpack[Details]) -> Callable[[View], View]:
        """Declare a view that answers with headers alone, where there is none for GET."""
        return self._declare("HEAD", paths, permits, more)

    def options(self, *paths: str, permits: str, **more: Unpack[Details]) -> Callable[[View], View]:
        """Declare a view that tells what a path can do, instead of Flask's own answer."""
        return self._declare("OPTIONS", paths, permits, more)

    def _declare(
        self, method: str, paths: tuple[str, ...], permits: str, more: Details
    ) -> Callable[[View], View]:
        def declare(view: View) -> View:
            full = tuple(f"{self._prefix}{path}" for path in paths)
            permission = self._permission(permits)
            self.operations.append(
                Operation(method, full, permission, view, tag=self.tag, scope=self._scope, **more)
            )
            return view

        return declare

    def _permission(self, action: str) -> Permission:
        try:
            return Permission.of(action, self._scope)
        except ValueError as error:
            raise RouteError(f"{self.tag}: {error}") from None

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
                    provide_automatic_options=False if path in tell_options else None,
                )


def _without(hint: Any, alternative: type) -> Any:
    """The rest of a union that has this alternative, else the annotation as it is."""
    options = get_args(hint) if isinstance(hint, UnionType) else ()
    rest = [option for option in options if option is not alternative]
    return rest[0] if len(rest) == 1 and len(options) == 2 else hint


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


def reads_body_itself(app: Flask, environ: dict[str, Any]) -> bool:
    """Whether what a request asks for reads a large body, when it knows who sends it."""
    try:
        endpoint, _ = app.url_map.bind_to_environ(environ).match()
    except HTTPException:
        return False
    operation = app.view_functions[endpoint]
    return isinstance(operation, Operation) and operation.max_bytes > SMALL_BODY


def _parse_query(model: type[BaseModel], sent: Mapping[str, str]) -> BaseModel:
    given = {name: value for name, value in sent.items() if value != ""}
    known = _names_of(model)
    for name in sorted(given.keys() - known - {SIGNATURE}):
        like = get_close_matches(name, known, n=1)
        meant = f'did you mean "{like[0]}"?' if like else "leave it out."
        raise BadInput(f'Parameter "{cut(name)}" is unknown: {meant}')
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise BadInput(describe(error, request.method, in_query=True)) from None


@functools.cache
def _names_of(model: type[BaseModel]) -> frozenset[str]:
    """Names under which the fields of a query are sent."""
    names: set[str] = set()
    for name, field in model.model_fields.items():
        alias = field.validation_alias
        choices = alias.choices if isinstance(alias, AliasChoices) else [alias or name]
        names.update(choice for choice in choices if isinstance(choice, str))
    return frozenset(names)


def _parse_headers(model: type[BaseModel]) -> BaseModel:
    names = [field.alias or name for name, field in model.model_fields.items()]
    given = {name: request.headers[name] for name in names if name in request.headers}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise BadInput(describe(error, request.method, in_headers=True)) from None
