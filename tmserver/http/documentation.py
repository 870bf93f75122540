"""The route to the OpenAPI document of an interface."""

import json
import threading

from flask import Response

from tmserver.access import Access
from tmserver.http.api import Api, current_api
from tmserver.http.openapi import document
from tmserver.http.routing import Routes

_making = threading.Lock()
_made: dict[Api, bytes] = {}


def declare_document(routes: Routes, path: str) -> None:
    """Declare the route to the document of the interface that serves these routes.

    Parameters
    ----------
    routes
        To which it is added.
    path
        The `document_path` of the interface, as far as it is below its prefix.
    """

    @routes.get(path, permits="public")
    def get_document(access: Access) -> Response:
        """Describe all routes, in the form of OpenAPI 3.1."""
        return Response(_content(current_api()), mimetype="application/json")


def _content(api: Api) -> bytes:
    # it takes a second to make, which clients must not be able to cause again and again
    with _making:
        if api not in _made:
            _made[api] = json.dumps(document(api)).encode()
        return _made[api]
