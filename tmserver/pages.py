"""The viewer: the files that its build has left."""

from pathlib import Path

from flask import Response, request, send_file

from tmlib.errors import NotFound, Unavailable
from tmserver.access import Access
from tmserver.http.routing import Routes

routes = Routes("viewer")

VIEWER = Path(__file__).parent / "viewer" / "dist"
_YEAR = 365 * 24 * 3600


@routes.get("/", permits="public", raises=(503,), media=("text/html",))
def get_viewer(access: Access) -> Response:
    """Get the viewer's page."""
    return _send_page("index.html")


@routes.get("/api", permits="public", raises=(503,), media=("text/html",))
def get_reference(access: Access) -> Response:
    """Get the page that shows this document and tries its requests out."""
    return _send_page("reference.html")


@routes.get("/favicon.svg", permits="public", raises=(404,), media=("image/svg+xml",))
def get_icon(access: Access) -> Response:
    """Get the viewer's icon."""
    return _send(VIEWER / "favicon.svg", "max-age=3600")


@routes.get("/assets/<name>", permits="public", raises=(404,), media=("*/*",))
def get_asset(access: Access, name: str) -> Response:
    """Get a file of the viewer, whose name changes whenever its content does."""
    return _send(VIEWER / "assets" / name, f"public, max-age={_YEAR}, immutable")


def _send_page(name: str) -> Response:
    page = VIEWER / name
    if not page.is_file():
        raise Unavailable(
            "The viewer is not built: run `make viewer`, or use the API below /api as before."
        )
    return _send(page, "no-cache")


def _send(path: Path, cache_control: str) -> Response:
    # a variable of a route holds no slash, so only the name's own form can lead astray
    if path.name in ("", ".", "..") or not path.is_file():
        raise NotFound(f"There is no page {request.path}.")
    response = send_file(path, conditional=True)
    response.headers["Cache-Control"] = cache_control
    return response
