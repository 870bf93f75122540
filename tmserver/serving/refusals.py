"""Errors that the web server answers itself, in the form of the interface that was asked."""

from dataclasses import dataclass
from http import HTTPStatus

from tmserver.http.api import Api
from tmserver.http.error_forms import Failure


@dataclass(frozen=True)
class Refusal:
    """A request that does not reach the application.

    Attributes
    ----------
    status
        Of the answer.
    kind, message
        What went wrong, as `tmserver.http.errors` says it. ``{document}`` is the address of the
        interface's OpenAPI document.
    """

    status: int
    kind: str
    message: str

    def answer(self, api: Api) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """Status, headers and body of the answer, after which the connection is closed."""
        failure = Failure(self.status, self.kind, self.message.format(document=api.document_path))
        status, content = api.errors.status(failure), api.errors.content(failure)
        headers = [
            (b"content-type", api.errors.media_type.encode()),
            (b"content-length", str(len(content)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            (b"connection", b"close"),
        ]
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            headers.append((b"retry-after", b"2"))
        return status, headers, content

    def as_http(self, api: Api) -> bytes:
        """The whole answer as it goes over a connection."""
        status, headers, content = self.answer(api)
        head = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()]
        head += [name + b": " + value for name, value in headers]
        return b"\r\n".join([*head, b"", content])


class RefusedError(Exception):
    """Raised where a request is refused in the middle of reading it."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.kind)
        self.refusal = refusal


MALFORMED = Refusal(400, "BadRequest", "This is no HTTP request that can be understood.")
HEAD_TOO_SLOW = Refusal(
    408, "RequestTimeout", "The headers of the request took too long to arrive: send it again."
)
BODY_TOO_SLOW = Refusal(
    408, "RequestTimeout", "The body of the request took too long to arrive: send it again."
)
TARGET_TOO_LONG = Refusal(
    414,
    "RequestURITooLong",
    "The address of the request is too long: ask for less at once, or send the query as the body "
    "of a POST request where the document at {document} has one.",
)
HEAD_TOO_LARGE = Refusal(
    431, "RequestHeaderFieldsTooLarge", "The headers of the request are too many or too large."
)
TOO_MANY_CONNECTIONS = Refusal(
    503, "Unavailable", "All connections of the server are in use: try again in a moment."
)
MISTAKE = Refusal(
    500,
    "InternalServerError",
    "The server made a mistake: ask its administrator to look into the server's log.",
)
