"""Chooses the form of an answer by what the sender of a request accepts."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

from flask import Response, request


class Form(Protocol):
    """A form that an answer can have."""

    @property
    def media_type(self) -> str:
        """What the content is called over HTTP."""


Choice = TypeVar("Choice", bound=Form)


def accepted_form(forms: Iterable[Choice]) -> Choice | None:
    """The form that the header ``Accept`` prefers; None if it prefers none of them."""
    by_type = {form.media_type: form for form in forms}
    best = request.accept_mimetypes.best_match(by_type)
    # a browser takes anything in the end, which asks for nothing in particular
    is_meant = any(best == media_type for media_type, _ in request.accept_mimetypes)
    return by_type[best] if best is not None and is_meant else None


def file_response(content: bytes, form: Form, name: str) -> Response:
    """An answer that is a file with this name."""
    response = Response(content, mimetype=form.media_type)
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response
