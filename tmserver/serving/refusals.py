"""What the web server itself answers, in the form of all errors of the product."""

from dataclasses import dataclass
from http import HTTPStatus

from tmserver.http.errors import error_content

_MEDIA_TYPE = b"application/json"


@dataclass(frozen=True)
class Refusal:
    """A request that does not reach the application.

    Attributes
    ----------
    status
        Of the answer.
    kind, message
        What went wrong, as `tmserver.http.errors` says it.
    """

    status: int
    kind: str
    message: str

    @property
    def content(self) -> bytes:
        """The body of the answer."""
        return error_content(self.status, self.kind, self.message)

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The headers of the answer, after which the connection is closed."""
        headers = [
            (b"content-type", _MEDIA_TYPE),
            (b"content-length", str(len(self.content)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            (b"connection", b"close"),
        ]
        if self.status == HTTPStatus.SERVICE_UNAVAILABLE:
            headers.append((b"retry-after", b"2"))
        return headers

    @property
    def as_http(self) -> bytes:
        """The whole answer as it goes over a connection."""
        phrase = HTTPStatus(self.status).phrase
        head = [f"HTTP/1.1 {self.status} {phrase}".encode()]
        head += [name + b": " + value for name, value in self.headers]
        return b"\r\n".join([*head, b"", self.content])


class RefusedError(Exception):
    """Says in the middle of something that a request is refused."""

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
    "of a POST request where the document at /api/openapi.json has one.",
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
