"""Errors as the clients of this interface know them: an object that says what went wrong."""

from tmserver.http.error_forms import ErrorForm, Failure, told
from tmserver.http.schemas import Bare, Schema


class ErrorDescription(Schema):
    """What went wrong, in one sentence."""

    error: bool = True
    message: str
    status_code: int
    type: str


class Error(Bare):
    """The form of every response that reports an error."""

    error: ErrorDescription


class ErrorObjects(ErrorForm):
    """``{"error": {"error": true, "message": ..., "status_code": ..., "type": ...}}``."""

    def model(self, status: int) -> type[Error]:
        """The same for every status."""
        return Error

    def describe(self, failure: Failure) -> Error:
        """An error as such an object."""
        return Error(
            error=ErrorDescription(
                message=told(failure.message),
                status_code=self.status(failure),
                type=failure.kind,
            )
        )
