"""The built files of the viewer."""

from pathlib import Path

from flask import Response, request, send_file

from tmlib.errors import NotFound, Unavailable
from tmserver.access import Access
from tmserver.http.api import current_api
from tmserver.http.conditional import unless_known
from tmserver.http.routing import Routes

routes = Routes("viewer")

VIEWER = Path(__file__).parent / "viewer" / "dist"
_YEAR = 365 * 24 * 3600

_DOCUMENT = "./api/openapi.json"
"""The document that the page of the build shows."""


@routes.get("/", permits="public", raises=(503,), success=(200, 304), media=("text/html",))
def get_viewer(access: Access) -> Response:
    """Get the viewer's page."""
    return _send_page("index.html")


def declare_reference(routes: Routes, path: str) -> None:
    """Declare the route to the page of an interface's OpenAPI document.

    Parameters
    ----------
    routes
        To which it is added.
    path
        Where, as far as it is below the prefix of the interface.
    """

    @routes.get(path, permits="public", raises=(503,), success=(200, 304), media=("text/html",))
    def get_reference(access: Access) -> Response:
        """Get the page that shows this document and tries its requests out."""
        page = _built("reference.html").read_text(encoding="utf-8")
        # addresses are relative, so that a proxy may serve everything below a path
        root = "../" * (request.path.count("/") - 1) or "./"
        page = page.replace(_DOCUMENT, f".{current_api().document_path}").replace("./", root)
        response = Response(page, mimetype="text/html")
        response.headers["Cache-Control"] = "no-cache"
        response.add_etag()
        return unless_known(response)


declare_reference(routes, "/api")


@routes.get(
    "/favicon.svg",
    permits="public",
    raises=(404,),
    success=(200, 304),
    media=("image/svg+xml",),
)
def get_icon(access: Access) -> Response:
    """Get the viewer's icon."""
    return _send(VIEWER / "favicon.svg", "max-age=3600")


@routes.get("/assets/<name>", permits="public", raises=(404,), success=(200, 304), media=("*/*",))
def get_asset(access: Access, name: str) -> Response:
    """Get a file of the viewer, whose name changes whenever its content does."""
    return _send(VIEWER / "assets" / name, f"public, max-age={_YEAR}, immutable")


def _send_page(name: str) -> Response:
    return _send(_built(name), "no-cache")


def _built(name: str) -> Path:
    page = VIEWER / name
    if not page.is_file():
        raise Unavailable(
            "The viewer is not built: run `make viewer`, or use the API below /api as before."
        )
    return page


def _send(path: Path, cache_control: str) -> Response:
    # a variable of a route holds no slash, so only these names could lead out of the folder
    if path.name in ("", ".", "..") or not path.is_file():
        raise NotFound(f"There is no page {request.path}.")
    response = send_file(path, conditional=False)
    response.headers["Cache-Control"] = cache_control
    return unless_known(response)
