"""Cross-origin resource sharing: lets pages of other sites use an interface."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import Response, request
from werkzeug.datastructures import HeaderSet

ANYBODY = "*"

_TOLD_TO_EACH = "Access-Control-Allow-Origin"


@dataclass(frozen=True)
class Cors:
    """Which sites' pages may send requests, never with cookies.

    Attributes
    ----------
    origins
        Sites, as ``https://portal.example``; `ANYBODY` for all.
    headers
        Headers that they may send.
    exposed
        Headers of answers that they may see, beyond those that any page may.
    max_age
        For how many seconds a browser may remember this.
    """

    origins: tuple[str, ...]
    headers: tuple[str, ...] = ("Authorization", "Content-Type")
    exposed: tuple[str, ...] = ()
    max_age: int = 600

    def add_to(self, response: Response) -> None:
        """Let the page that has sent the present request see its answer."""
        if ANYBODY not in self.origins:
            # caches must not give an answer for one site to another
            response.vary.add("Origin")
        origin = request.headers.get("Origin")
        if origin is None:
            return
        if ANYBODY in self.origins:
            response.headers[_TOLD_TO_EACH] = ANYBODY
        elif origin in self.origins:
            response.headers[_TOLD_TO_EACH] = origin
        else:
            return
        if self.exposed:
            response.access_control_expose_headers = HeaderSet(self.exposed)

    def preflight(self, methods: Iterable[str]) -> Response:
        """The answer to a browser that asks whether it may send a request.

        Parameters
        ----------
        methods
            What the path in question takes.
        """
        response = Response(status=204)
        if self._is_welcome(request.headers.get("Origin")):
            response.access_control_allow_methods = HeaderSet(sorted(methods))
            response.access_control_allow_headers = HeaderSet(self.headers)
            response.access_control_max_age = self.max_age
        return response

    def _is_welcome(self, origin: Any) -> bool:
        return ANYBODY in self.origins or origin in self.origins


def is_preflight() -> bool:
    """Whether a browser asks, with the present request, whether it may send another one."""
    return request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
