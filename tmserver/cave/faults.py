"""Errors as programs for CAVE read them: an object with a code and a message."""

from typing import Any, ClassVar

from pydantic import BaseModel

from tmlib.annotation.errors import InvalidRows
from tmserver.http.error_forms import ErrorForm, Failure, told


class RowProblem(BaseModel):
    """What is wrong with a field of a row; rows are counted from 0."""

    row: int
    field: str
    message: str


class Fault(BaseModel):
    """Why a request was not carried out; of rows, which was the first that did not fit."""

    code: int
    message: str
    row: int | None = None
    errors: list[RowProblem] | None = None


class Faults(ErrorForm):
    """``{"code": ..., "message": ...}``.

    The client repeats a POST that was answered with 503, whether or not it was carried out.
    """

    statuses: ClassVar[dict[int, int]] = {503: 500}

    def model(self, status: int) -> type[Fault]:
        """The same for every status."""
        return Fault

    def status(self, failure: Failure) -> int:
        """Rows that do not fit their schema have a status of their own."""
        return 422 if failure.kind == InvalidRows.__name__ else super().status(failure)

    def describe(self, failure: Failure) -> Fault:
        """An error as such an object."""
        details: dict[str, Any] = dict(failure.details)
        return Fault(code=self.status(failure), message=told(failure.message), **details)

    def content(self, failure: Failure) -> bytes:
        """The object, without what is not known."""
        return self.describe(failure).model_dump_json(exclude_none=True).encode()
