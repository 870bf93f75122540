"""Answers errors in the form of the interface, and reveals nothing that is not for users."""

import logging
import secrets

from flask import Flask, Response, request
from sqlalchemy.exc import IntegrityError, NoResultFound, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.orm.exc import ObjectDeletedError, StaleDataError
from werkzeug.exceptions import ClientDisconnected, HTTPException

from tmlib.accounts.attempts import TooManyAttempts
from tmlib.errors import BadInput, Busy, DatabaseBusy, NotLoggedIn, TmError
from tmserver.http.api import Api, current_api
from tmserver.http.error_forms import Failure
from tmserver.http.multipart import is_too_slow
from tmserver.http.shown_paths import shown_path
from tmserver.http.validation import InvalidRequestError, cut
from tmserver.monitoring.live import TooManyListeners

_logger = logging.getLogger(__name__)

_MESSAGES = {
    404: "There is nothing at {path}: the document at {document} lists all routes.",
    405: "{path} does not take {method}: see the document at {document}.",
    413: "The request is too large: send less at once.",
}

_RETRY_AFTER = "2"
_TOO_SLOW = "The body of the request took too long to arrive: send it again."
_NO_CONNECTION = "All connections to the database are in use: try again when there is less to do."


def register(app: Flask) -> None:
    """Answer all errors of an application."""
    app.register_error_handler(Exception, answer)


def answer(error: Exception) -> Response:
    """The response to a request that failed."""
    api = current_api()
    failure = _failure(error, api)
    form = api.errors
    response = Response(form.content(failure), form.status(failure), mimetype=form.media_type)
    response.headers.update(failure.headers)
    return response


def _failure(error: Exception, api: Api) -> Failure:
    """What users may know of an error; the rest goes to the log."""
    if isinstance(error, TmError):
        return _expected_failure(error)
    if isinstance(error, HTTPException):
        return _http_failure(error, api)
    if isinstance(error, NoConnection):
        return _expected_failure(DatabaseBusy(_NO_CONNECTION))
    if isinstance(error, IntegrityError | StaleDataError):
        _logger.warning("conflict in %s %s", request.method, shown_path(), exc_info=error)
        return Failure(409, "Conflict", "Somebody else changed the same thing: look and try again.")
    if isinstance(error, NoResultFound | ObjectDeletedError):
        _logger.warning("nothing found in %s %s", request.method, shown_path(), exc_info=error)
        return Failure(404, "NotFound", "Somebody else has deleted this in the meantime.")
    number = secrets.token_hex(8)
    _logger.error("error %s in %s %s", number, request.method, shown_path(), exc_info=error)
    if isinstance(error, OperationalError):
        return Failure(
            503,
            "Unavailable",
            "The database cannot be used at the moment: try again later, or ask the "
            f"administrator to look for {number} in the server's log.",
        )
    return Failure(
        500,
        "InternalServerError",
        "The server made a mistake: ask its administrator to look for "
        f"{number} in the server's log.",
    )


def _expected_failure(error: TmError) -> Failure:
    headers = {}
    if isinstance(error, TooManyAttempts | TooManyListeners):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, DatabaseBusy):
        _logger.warning("%s %s: %s", request.method, shown_path(), error.__cause__ or error)
    if isinstance(error, Busy):
        headers["Retry-After"] = _RETRY_AFTER
    if isinstance(error, NotLoggedIn):
        headers["WWW-Authenticate"] = 'Bearer realm="tmserver"'
    if isinstance(error, InvalidRequestError):
        return Failure(error.status_code, BadInput.__name__, error.message, error.problems, headers)
    # names of files on the server's disk may be anything but text
    message = error.message.encode(errors="backslashreplace").decode()
    kind = type(error).__name__
    return Failure(error.status_code, kind, message, headers=headers, details=error.details)


def _http_failure(error: HTTPException, api: Api) -> Failure:
    if isinstance(error, ClientDisconnected) and is_too_slow(error):
        return Failure(408, "RequestTimeout", _TOO_SLOW)
    code = error.code or 500
    message = error.description or error.name
    if code in _MESSAGES:
        message = _MESSAGES[code].format(
            path=cut(shown_path(), 200), method=request.method, document=api.document_path
        )
    headers = {
        name: value
        for name, value in error.get_headers()
        if name.lower() not in ("content-type", "content-length")
    }
    return Failure(code, type(error).__name__, message, headers=headers)
