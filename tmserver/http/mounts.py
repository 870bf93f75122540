"""Serves foreign code: views of other libraries, and whole WSGI applications.

It needs a declared permission like every other route, obeys the limits of its interface, and its
crashes are answered in the form of that interface.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Unpack
from wsgiref.types import WSGIApplication

from flask import Response, current_app, request

from tmserver.access import Access
from tmserver.http.routing import Details, Routes

ALL_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

ACCESS = "tmserver.access"
"""Key of the WSGI environment under which a mounted application finds the sender's access."""


def add_view(
    routes: Routes,
    path: str | tuple[str, ...],
    view: Callable[..., Any],
    *,
    permits: str,
    methods: Sequence[str] = ("GET", "POST"),
    **more: Unpack[Details],
) -> None:
    """Serve a view that reads the request itself, as Flask's views do.

    Parameters
    ----------
    routes
        To which it is added.
    path
        Where, one or several that have the same variables. The view gets these as they are in the
        path, but for those of the scope.
    view
        Returns what Flask makes a response of. If it has a parameter ``access``, it gets what the
        sender has access to.
    permits
        What the sender must be allowed to do.
    methods
        What the path takes.
    more
        As for views of this server; ``only_reads`` for one that changes nothing with any method,
        and leaves no entries in the audit trail.
    """
    takes_access = "access" in inspect.signature(view).parameters

    def answer(access: Access, **variables: str) -> Response:
        given = {"access": access, **variables} if takes_access else variables
        return current_app.make_response(view(**given))

    paths = (path,) if isinstance(path, str) else path
    _add(routes, paths, answer, view.__name__, inspect.getdoc(view), permits, methods, more)


def mount(
    routes: Routes,
    path: str,
    application: WSGIApplication,
    *,
    name: str,
    permits: str,
    methods: Sequence[str] = ALL_METHODS,
    **more: Unpack[Details],
) -> None:
    """Serve a WSGI application at a path and all paths below it.

    It gets the path as ``SCRIPT_NAME``, the name of the user as ``REMOTE_USER``, and `ACCESS`.

    Parameters
    ----------
    routes
        To which it is added.
    path
        Where.
    application
        The application.
    name
        What the OpenAPI document and the audit trail call it.
    permits
        What the sender must be allowed to do.
    methods
        What may be sent.
    more
        As for views of this server; ``only_reads`` for one that changes nothing with any method,
        and leaves no entries in the audit trail.
    """

    def answer(access: Access, below: str | None = None, **_others: str) -> Response:
        environ = request.environ.copy()
        outer = environ["PATH_INFO"]
        # counted, since the variable is another text than what was sent that is not UTF-8
        n_slashes = str(request.url_rule).count("/")
        inner = "" if below is None else "/" + outer.split("/", n_slashes)[-1]
        if below is None and outer.endswith("/"):
            inner = "/"
        environ["SCRIPT_NAME"] += outer.removesuffix(inner)
        environ["PATH_INFO"] = inner
        # Flask's stream enforces the largest body of the route
        environ["wsgi.input"] = request.stream
        environ[ACCESS] = access
        environ.pop("REMOTE_USER", None)
        if (user := getattr(access, "user", None)) is not None:
            environ["REMOTE_USER"] = user.name
        return current_app.make_response(Response.from_app(application, environ))

    text = f"Hand the request to {name}."
    _add(routes, (path, f"{path}/"), answer, name, text, permits, methods, more)
    _add(routes, (f"{path}/<path:below>",), answer, f"{name}_below", text, permits, methods, more)


def _add(
    routes: Routes,
    paths: tuple[str, ...],
    answer: Callable[..., Response],
    name: str,
    text: str | None,
    permits: str,
    methods: Sequence[str],
    more: Details,
) -> None:
    for method in methods:

        def view(*arguments: Any, **given: Any) -> Response:
            return answer(*arguments, **given)

        view.__name__ = f"{method.lower()}_{name}"
        view.__doc__ = text
        view.__annotations__ = {
            "access": Access,
            **dict.fromkeys(routes.variables_for_views(paths[0]), str),
            "return": Response,
        }
        routes.add(method, paths, permits, view, more)
