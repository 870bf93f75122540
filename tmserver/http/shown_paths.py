"""Paths of requests as they are logged and told: without what lets others send the same."""

from flask import request

from tmlib.logs import HIDDEN
from tmserver.http.api import current_api


def shown_path() -> str:
    """The path of the present request, with what in it proves who has sent it hidden.

    Of a path that no route takes, such a proof could be any part, and all parts are hidden.
    """
    place = current_api().credentials.in_path
    if place is None or not request.path.startswith(place.folder):
        return request.path
    if request.url_rule is None:
        return f"{place.folder}{HIDDEN}"
    secret = (request.view_args or {}).get(place.variable)
    return "/".join(HIDDEN if part == secret else part for part in request.path.split("/"))
