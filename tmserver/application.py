"""The web application."""

from collections.abc import Sequence

from flask import Flask, Response
from werkzeug.middleware.proxy_fix import ProxyFix

from tmlib.settings import Settings
from tmserver import audit_trail, authentication, schema_version
from tmserver.access import Services
from tmserver.api import TISSUEMAPS
from tmserver.cave import CAVE
from tmserver.http.api import Api
from tmserver.http.registration import serve
from tmserver.ispyb import ISPYB
from tmserver.monitoring import request_ids
from tmserver.neuroglancer import NEUROGLANCER
from tmserver.portal import CATALOGUE, FILES, PAGES
from tmserver.serving.limits import SMALL_BODY

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


INTERFACES = (TISSUEMAPS, ISPYB, CATALOGUE, FILES, PAGES, CAVE, NEUROGLANCER)
"""What the server offers; the first one answers for paths that belong to none."""


def create_app(settings: Settings | None = None, interfaces: Sequence[Api] = INTERFACES) -> Flask:
    """Build the application; tables must exist already.

    Parameters
    ----------
    settings
        The configuration; read from the environment if not given.
    interfaces
        What it offers.

    Raises
    ------
    RouteError
        If a route declares no permission.
    """
    settings = settings or Settings()
    app = Flask("tmserver", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = SMALL_BODY
    app.json.sort_keys = False  # type: ignore[attr-defined] # Flask's own provider has it
    app.extensions["tmserver"] = services = Services(settings)
    authentication.configure(app, settings)
    request_ids.register(app, settings)
    schema_version.register(app, services.database)
    audit_trail.register(app, services.database)
    serve(app, interfaces)
    app.after_request(_add_headers)
    if settings.proxies:
        # without a proxy, these headers hold whatever the sender wants
        proxied = ProxyFix(app.wsgi_app, x_for=settings.proxies, x_proto=settings.proxies)
        app.wsgi_app = proxied  # type: ignore[method-assign] # Flask's way to add a middleware
    return app


def _add_headers(response: Response) -> Response:
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    # answers are for one user at one moment unless a view says otherwise
    response.headers.setdefault("Cache-Control", "no-store")
    return response
