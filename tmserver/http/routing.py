"""Routes: declarations of views, each with the permission that it needs.

A view is a plain function. Its annotations say what it takes and gives: ``access`` first, then the
variables of its path (a number where the path has an id), pydantic models ``query``, ``headers``
and ``body``, and the model that it returns. The same annotations make the OpenAPI document.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self, TypedDict, TypeVar, Unpack, cast, get_type_hints

from werkzeug.routing import Map, Rule

from tmserver.permissions import PUBLIC, Permission
from tmserver.scopes import Scope

View = TypeVar("View", bound=Callable[..., Any])


PROJECT_BODY = 4 * 1024**2
"""Largest body of a request that brings a pipeline or a list."""

LIST_BODY = 32 * 1024**2
"""Largest body of a request that brings names or numbers of 100,000 files or objects."""

LARGE_BODY = 64 * 1024**2
"""Largest body of a request that brings objects or files."""

MANY_ITEMS = 20_000_000
"""Most values in a request that brings them for the pixels or objects of a site."""

_MODELS = frozenset({"query", "headers", "body"})


class RouteError(Exception):
    """A route is declared in a way that cannot be served safely."""


class Details(TypedDict, total=False):
    """Options of a declaration, beyond what the annotations of its view say."""

    raises: tuple[int, ...]
    media: tuple[str, ...]
    takes_file: bool
    takes_bytes: str
    file_types: tuple[str, ...]
    success: tuple[int, ...]
    is_event: bool
    max_bytes: int
    max_items: int
    only_reads: bool


class LookupDetails(Details, total=False):
    """Options of a declaration that looks something up."""

    by_form: bool


@dataclass(eq=False, kw_only=True)
class Declaration:
    """A view with the method, the paths and the permission of requests for it.

    Attributes
    ----------
    method, paths
        Of the requests.
    permission
        What the sender must be allowed to do.
    view
        The function that answers.
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
        Status codes of answers other than errors. The first is that of a model.
    is_event
        False keeps requests out of the audit trail, because they change nothing or are repeated for
        each of thousands of files.
    max_bytes
        Largest body, if not that of the interface. One of more than some kilobytes is read only
        after the sender was authorized.
    max_items
        Most values in a body, if not those of the interface.
    takes_form
        Whether the query comes as a form in the body instead of in the address.
    only_reads
        Whether nothing is changed, although the method is not a reading one.
    """

    method: str
    paths: tuple[str, ...]
    permission: Permission
    view: Callable[..., Any]
    tag: str
    scope: Scope | None = None
    raises: tuple[int, ...] = ()
    media: tuple[str, ...] = ()
    takes_file: bool = False
    takes_bytes: str = ""
    file_types: tuple[str, ...] = ()
    success: tuple[int, ...] = (200,)
    is_event: bool = True
    max_bytes: int = 0
    max_items: int = 0
    takes_form: bool = False
    only_reads: bool = False

    def __post_init__(self) -> None:
        hints = get_type_hints(self.view)
        # OPTIONS may be public: browsers ask before they log in
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
            if expected != set(hints) - _MODELS - {"return"}:
                raise RouteError(f"{path}: {self.view.__name__} must take {sorted(expected)}")
        if not issubclass(self.permission.access, hints["access"]):
            raise RouteError(f"{self.view.__name__} needs more than {self.permission} gives")
        self.ids = {name for name in hints.keys() - _MODELS - {"return"} if hints[name] is int}
        if self.scope is not None and self.scope.key is int:
            self.ids |= of_scope


class Routes:
    """Declares the views of one resource.

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
        self.declarations: list[Declaration] = []
        self._scope = scope
        self._prefix = prefix if prefix is not None else scope.path if scope else ""

    def within(self, scope: Scope, prefix: str | None = None) -> Self:
        """The same routes, for declarations within a scope."""
        routes = type(self)(self.tag, scope=scope, prefix=prefix)
        routes.declarations = self.declarations
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

        def declare(view: View) -> View:
            if by_form:
                self._add_form(paths, permits, view, details)
            self.add("GET", paths, permits, view, details)
            return view

        return declare

    def _add_form(self, paths: tuple[str, ...], permits: str, view: View, more: Details) -> None:
        @functools.wraps(view)
        def by_form(*arguments: Any, **named: Any) -> Any:
            return view(*arguments, **named)

        by_form.__name__ = f"{view.__name__}_by_form"
        by_form.__doc__ = f"{inspect.getdoc(view)}\n\nThe query is a form in the body."
        more = more.copy()
        more.setdefault("max_bytes", PROJECT_BODY)
        below = tuple(f"{path}/query" for path in paths)
        self.add("POST", below, permits, by_form, more, takes_form=True)

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
            self.add(method, paths, permits, view, more)
            return view

        return declare

    def add(
        self,
        method: str,
        paths: tuple[str, ...],
        permits: str,
        view: Callable[..., Any],
        more: Details,
        *,
        takes_form: bool = False,
    ) -> None:
        """Declare a view for a method.

        Raises
        ------
        RouteError
            If the permission does not exist, or the view does not fit permission and path.
        """
        try:
            permission = Permission.of(permits, self._scope)
        except ValueError as error:
            raise RouteError(f"{self.tag}: {error}") from None
        declaration = Declaration(
            method=method,
            paths=tuple(f"{self._prefix}{path}" for path in paths),
            permission=permission,
            view=view,
            tag=self.tag,
            scope=self._scope,
            takes_form=takes_form,
            **more,
        )
        self.declarations.append(declaration)

    def variables_for_views(self, path: str) -> list[str]:
        """Names of the variables of a path that views get: all but those of the scope."""
        of_scope = self._scope.variable if self._scope else None
        return [name for name in path_variables(f"{self._prefix}{path}") if name != of_scope]


def path_variables(path: str) -> list[str]:
    """Names of the variables of a path."""
    rule = Rule(path)
    rule.bind(Map())
    return sorted(rule.arguments)
