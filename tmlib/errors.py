"""The errors that reach users, each one clear sentence: what, why, and the way out.

The HTTP layer maps ``status_code`` to the response; the command line prints ``message`` and
exits with 1; the workflow engine stores it with the job.
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class TmError(Exception):
    """Base of all errors that are meant to be read by a user.

    Parameters
    ----------
    message
        One sentence that names the thing, the reason and the way out.

    Attributes
    ----------
    details
        What programs may want to know besides, by name, in values that JSON can have.
    """

    status_code: ClassVar[int] = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.details: Mapping[str, Any] = {}


class BadInput(TmError):  # noqa: N818 - reads as what it is: "raise BadInput(...)"
    """What the user sent cannot be used."""

    status_code = 400


class NotLoggedIn(TmError):  # noqa: N818 - see BadInput
    """The request carries no valid proof of who sent it."""

    status_code = 401


class Forbidden(TmError):  # noqa: N818 - see BadInput
    """The user is known but may not do this."""

    status_code = 403


class NotFound(TmError):  # noqa: N818 - see BadInput
    """The thing does not exist, or the user may not know that it does."""

    status_code = 404


class Conflict(TmError):  # noqa: N818 - see BadInput
    """The request contradicts the present state, a duplicate name for example."""

    status_code = 409


class TooLarge(TmError):  # noqa: N818 - see BadInput
    """What the user sent exceeds a limit."""

    status_code = 413


class Unavailable(TmError):  # noqa: N818 - see BadInput
    """Something the server needs (disk space, the queue) is not there at the moment."""

    status_code = 503


class Busy(Unavailable):
    """Others use something at the moment; trying again may go well."""


class DatabaseBusy(Busy):
    """The database refused something for the moment; trying again may go well."""
