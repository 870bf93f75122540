"""Chooses the format of a response by what the client accepts."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

from flask import Response, request


class Form(Protocol):
    """A format that a response can have."""

    @property
    def media_type(self) -> str:
        """The media type of the content."""


Choice = TypeVar("Choice", bound=Form)


def accepted_form(forms: Iterable[Choice]) -> Choice | None:
    """The format that the header ``Accept`` prefers; None if it prefers none of them."""
    by_type = {form.media_type: form for form in forms}
    best = request.accept_mimetypes.best_match(by_type)
    # browsers end their list with */*, which asks for nothing in particular
    is_meant = any(best == media_type for media_type, _ in request.accept_mimetypes)
    return by_type[best] if best is not None and is_meant else None


def file_response(content: bytes, form: Form, name: str) -> Response:
    """A response that a browser saves as a file with this name."""
    response = Response(content, mimetype=form.media_type)
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response
