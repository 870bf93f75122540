"""Gives every request an id that its answer and all that is logged about it tell."""

import logging
import re
import secrets
import time

from flask import Flask, Response, g, request

from tmlib import logs
from tmlib.settings import Settings
from tmserver.http.shown_paths import shown_path

HEADER = "X-Request-ID"

_logger = logging.getLogger(__name__)
_ACCEPTED = re.compile(r"[A-Za-z0-9._-]{1,64}")


def register(app: Flask, settings: Settings) -> None:
    """Give ids to the requests of an application; with JSON logs, log every request as well."""
    app.before_request(_begin)
    app.after_request(_send_id)
    app.teardown_request(_end)
    if settings.log_format == "json":
        _logger.setLevel(logging.INFO)  # whatever else the process logs
        app.after_request(_log)


def _begin() -> None:
    given = request.headers.get(HEADER, "")
    g.request_id = given if _ACCEPTED.fullmatch(given) else secrets.token_hex(8)
    g.started_at = time.monotonic()
    logs.begin(request_id=g.request_id)


def _end(error: BaseException | None) -> None:
    logs.begin()


def _send_id(response: Response) -> Response:
    response.headers[HEADER] = g.request_id
    return response


def _log(response: Response) -> Response:
    path = shown_path()  # without the query, which may hold a signature or a token
    details = {
        "method": request.method,
        "path": path,
        "status": response.status_code,
        "seconds": round(time.monotonic() - g.started_at, 4),
    }
    _logger.info("%s %s", request.method, path, extra=details)
    return response
