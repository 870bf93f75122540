"""Every error is answered in the same form, as JSON, and tells nothing that is not for users."""

import logging
import secrets

from flask import Flask, Response, request
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from werkzeug.exceptions import ClientDisconnected, HTTPException

from tmlib.accounts.attempts import TooManyAttempts
from tmlib.errors import DatabaseBusy, NotLoggedIn, TmError
from tmserver.http.multipart import is_too_slow
from tmserver.http.schemas import Error, ErrorDescription
from tmserver.http.validation import cut
from tmserver.monitoring.live import TooManyListeners

_logger = logging.getLogger(__name__)

_MESSAGES = {
    404: "There is nothing at {path}: the document at /api/openapi.json lists all routes.",
    405: "{path} does not take {method}: see the document at /api/openapi.json.",
    413: "The request is too large: send less at once.",
}

_RETRY_AFTER = "2"
_MOST_CHARACTERS = 2000
_TOO_SLOW = "The body of the request took too long to arrive: send it again."
_NO_CONNECTION = "All connections to the database are in use: try again when there is less to do."


def register(app: Flask) -> None:
    """Answer all errors of an application."""
    app.register_error_handler(Exception, answer)


def answer(error: Exception) -> Response:
    """The response to a request that failed."""
    if isinstance(error, TmError):
        response = _respond(error.status_code, type(error).__name__, error.message)
        if isinstance(error, TooManyAttempts | TooManyListeners):
            response.headers["Retry-After"] = str(error.retry_after)
        if isinstance(error, DatabaseBusy):
            _logger.warning("%s %s: %s", request.method, request.path, error.__cause__ or error)
            response.headers["Retry-After"] = _RETRY_AFTER
        if isinstance(error, NotLoggedIn):
            response.headers["WWW-Authenticate"] = 'Bearer realm="tmserver"'
        return response
    if isinstance(error, HTTPException):
        return _answer_http(error)
    if isinstance(error, NoConnection):
        return answer(DatabaseBusy(_NO_CONNECTION))
    if isinstance(error, IntegrityError):
        _logger.warning("conflict in %s %s", request.method, request.path, exc_info=error)
        return _respond(
            409, "Conflict", "Somebody else changed the same thing: look and try again."
        )
    number = secrets.token_hex(8)
    _logger.error("error %s in %s %s", number, request.method, request.path, exc_info=error)
    if isinstance(error, OperationalError):
        return _respond(
            503,
            "Unavailable",
            "The database cannot be used at the moment: try again later, or ask the "
            f"administrator to look for {number} in the server's log.",
        )
    return _respond(
        500,
        "InternalServerError",
        "The server made a mistake: ask its administrator to look for "
        f"{number} in the server's log.",
    )


def _answer_http(error: HTTPException) -> Response:
    if isinstance(error, ClientDisconnected) and is_too_slow(error):
        return _respond(408, "RequestTimeout", _TOO_SLOW)
    code = error.code or 500
    message = _MESSAGES.get(code, error.description or error.name)
    told = message.format(path=cut(request.path, 200), method=request.method)
    response = _respond(code, type(error).__name__, told)
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def error_content(status: int, kind: str, message: str) -> bytes:
    """The body of every answer that reports an error."""
    message = cut(message, _MOST_CHARACTERS)
    content = Error(error=ErrorDescription(message=message, status_code=status, type=kind))
    return content.model_dump_json().encode()


def _respond(status: int, kind: str, message: str) -> Response:
    return Response(error_content(status, kind, message), status, mimetype="application/json")
