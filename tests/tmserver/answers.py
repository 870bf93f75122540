"""Remembers which status every route has answered in the tests so far."""

from collections import defaultdict

from flask import Flask, Response, request

from tmserver.routing import Operation

SEEN: defaultdict[str, set[int]] = defaultdict(set)
"""Statuses by the name of the view."""


def watch(app: Flask) -> None:
    """Note from now on what an application answers."""

    @app.after_request
    def note(response: Response) -> Response:
        view = app.view_functions.get(request.endpoint or "")
        if isinstance(view, Operation):
            SEEN[view.view.__name__].add(response.status_code)
        return response
