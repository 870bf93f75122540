"""Registers interfaces with Flask, and refuses everything that declares no permission."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Flask, Response
from flask.globals import request_ctx
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map

from tmserver.http import errors
from tmserver.http.api import Api, Apis, current_api
from tmserver.http.cors import is_preflight
from tmserver.http.operations import Operation, operations_of
from tmserver.http.routing import RouteError, path_variables
from tmserver.permissions import PUBLIC
from tmserver.serving.limits import SMALL_BODY


def serve(app: Flask, interfaces: Sequence[Api]) -> None:
    """Let an application serve interfaces, and nothing else.

    Parameters
    ----------
    app
        The application.
    interfaces
        The first one also answers for paths that belong to none.

    Raises
    ------
    RouteError
        If a route declares no permission, or could be reached without it.
    """
    apis = Apis(interfaces)
    apis.add_to(app)
    errors.register(app)
    if any(api.cors for api in apis.all):
        app.before_request(_answer_preflight)
        app.after_request(_tell_other_sites)
    app.url_map, views = routing(apis.all)
    app.view_functions.update(views)
    refuse_undeclared(app)


@functools.cache
def routing(interfaces: tuple[Api, ...]) -> tuple[Map, Mapping[str, Operation]]:
    """Rules and views of interfaces, which all applications of a process share.

    To make them takes longer than anything else about an application.

    Raises
    ------
    RouteError
        If two routes answer for the same path, or a permission is not for what its path names.
    """
    offered = [operation for api in interfaces for operation in operations_of(api)]
    _refuse_ambiguous(Apis(interfaces), offered)
    tell_options = {
        path for operation in offered if operation.method == "OPTIONS" for path in operation.paths
    }
    app = Flask("tmserver", static_folder=None)
    app.url_map.strict_slashes = True
    app.url_map.merge_slashes = False
    views = {}
    for operation in offered:
        for number, path in enumerate(operation.paths):
            endpoint = f"{operation.api.name}.{operation.tag}.{operation.view.__name__}.{number}"
            views[endpoint] = operation
            app.add_url_rule(
                path,
                endpoint=endpoint,
                view_func=operation,
                methods=[operation.method],
                provide_automatic_options=False if path in tell_options else None,
            )
    return app.url_map, views


def refuse_undeclared(app: Flask) -> None:
    """Make sure that every route of an application declares its permission.

    Raises
    ------
    RouteError
        If something does not.
    """
    for rule in app.url_map.iter_rules():
        if not isinstance(app.view_functions[rule.endpoint], Operation):
            raise RouteError(f"{rule.rule}: the route declares no permission")
    if getattr(app.wsgi_app, "__self__", None) is not app:
        # requests for it would never reach the rules
        raise RouteError("Something is mounted that declares no permission: use Routes.mount.")


def _refuse_ambiguous(apis: Apis, offered: Sequence[Operation]) -> None:
    """Refuse routes that another route, or another interface, answers as well."""
    scoped = {operation.scope.variable for operation in offered if operation.scope}
    taken: set[tuple[str, str]] = set()
    for operation in offered:
        for path in operation.paths:
            if apis.at(path) is not operation.api:
                raise RouteError(f"{path}: another interface answers for this path")
            if (operation.method, path) in taken:
                raise RouteError(f"{operation.method} {path} is declared twice")
            taken.add((operation.method, path))
            is_told = operation.method == "OPTIONS" and operation.permission == PUBLIC
            if not (operation.permission.is_of_resource or is_told) and (
                scoped & set(path_variables(path))
            ):
                raise RouteError(f"{path}: the permission is not for what the path names")


def _answer_preflight() -> Response | None:
    cors = current_api().cors
    adapter = request_ctx.url_adapter
    if cors is None or adapter is None or not is_preflight():
        return None
    methods = adapter.allowed_methods()
    return cors.preflight(methods) if methods else None


def _tell_other_sites(response: Response) -> Response:
    cors = current_api().cors
    if cors is not None:
        cors.add_to(response)
    return response


def reads_body_itself(app: Flask, environ: dict[str, Any]) -> bool:
    """Whether the view that a request asks for reads a large body itself, after authorization."""
    try:
        endpoint, _ = app.url_map.bind_to_environ(environ).match()
    except HTTPException:
        return False
    operation = app.view_functions[endpoint]
    return isinstance(operation, Operation) and operation.max_bytes > SMALL_BODY
