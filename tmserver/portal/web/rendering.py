"""Makes pages from templates, with conditional answers, and errors that look like pages."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Response, request
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from pydantic import BaseModel

from tmlib.portal.browsing import MOST_SHOWN
from tmlib.portal.citation import dois
from tmserver.http.conditional import unless_known
from tmserver.http.error_forms import ErrorForm, Failure, told

STYLE = Path(__file__).parent / "style.css"

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; style-src 'self'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    # whoever has a page asks each time whether it is still the same
    "Cache-Control": "no-cache",
}
_UNITS = ("kB", "MB", "GB", "TB", "PB")


def page(template: str, **content: Any) -> Response:
    """A page, or that it has not changed since the sender has seen it.

    Parameters
    ----------
    template
        The name of its template.
    content
        What is in it.
    """
    return conditional(_rendered(template, **content), "text/html")


def conditional(text: str, media_type: str) -> Response:
    """A text, or that it has not changed since the sender has seen it."""
    response = Response(text, mimetype=media_type)
    response.add_etag()
    return _conditional(response)


def conditional_stream(parts: Iterator[bytes], version: str, media_type: str) -> Response:
    """A text that is made while it is sent, or that it has not changed.

    Parameters
    ----------
    parts
        Of the text, in UTF-8.
    version
        What is another one when the text is.
    media_type
        Of the text.
    """
    # passed through, since its length would be found by making all of it
    response = Response(parts, mimetype=media_type, direct_passthrough=True)
    response.set_etag(version)
    return _conditional(response)


def _conditional(response: Response) -> Response:
    response.headers.update(_HEADERS)
    return unless_known(response)


def root() -> str:
    """What leads from a page to the top: relative, since a proxy may serve all below a path."""
    return "../" * (request.path.count("/") - 1) or "./"


def _rendered(template: str, **content: Any) -> str:
    return _ENVIRONMENT.get_template(template).render(root=root(), **content)


def _size(size: float | None) -> str:
    """A number of bytes for people."""
    if size is None:
        return "unknown"
    if size < 1000:
        return f"{size:.0f} bytes"
    for unit in _UNITS:
        size /= 1000
        if size < 1000 or unit == _UNITS[-1]:
            break
    return f"{size:.3g} {unit}" if size < 999.5 else f"{size:.0f} {unit}"


def _named(value: str) -> str:
    """A value of an enumeration as words."""
    return value.replace("_", " ")


_ENVIRONMENT = Environment(
    loader=PackageLoader("tmserver.portal.web"),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.globals["most_shown"] = MOST_SHOWN
_ENVIRONMENT.filters.update(size=_size, dois=dois, named=_named)


class ErrorPage(BaseModel):
    """What a page says that reports an error."""

    message: str


class PageErrors(ErrorForm):
    """A page with one sentence."""

    media_type = "text/html"

    def model(self, status: int) -> type[ErrorPage]:
        """The same for every status."""
        return ErrorPage

    def describe(self, failure: Failure) -> ErrorPage:
        """An error as such a page."""
        return ErrorPage(message=told(failure.message))

    def content(self, failure: Failure) -> bytes:
        """The page."""
        message = self.describe(failure).message
        title = _TITLES.get(failure.status, "This did not work")
        return _rendered("error.html", title=title, message=message).encode()


_TITLES = {
    400: "This cannot be searched for",
    404: "Not in the catalogue",
    410: "Withdrawn",
    503: "Not available at the moment",
}
