"""Why jobs fail: what users are told, and whether another try may go well."""

import errno
import re

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection

from tmlib.errors import TmError, Unavailable

_SHOWN = 200

_AWAY = (
    *(OperationalError, InterfaceError, NoConnection),
    *(Unavailable, ConnectionError, TimeoutError),
)

_FULL = {errno.ENOSPC, errno.EDQUOT}

_PASSING = _FULL | {
    errno.EIO,
    errno.ESTALE,
    errno.EAGAIN,
    errno.EBUSY,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    errno.ENOLCK,
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
    errno.ENETDOWN,
    errno.ENETUNREACH,
}

# tensorstore has no class of its own for them
_CODE_IN_TEXT = re.compile(r"\[os_error_code='(\d+)'\]")


def may_pass(error: BaseException) -> bool:
    """Whether a failure comes from something that others may repair meanwhile.

    So are a database that is away, a full disk, a file server that does not answer. Bad input
    and mistakes in programs are not: they fail again.
    """
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__
    return any(isinstance(cause, _AWAY) or _code(cause) in _PASSING for cause in causes)


def sentence(error: BaseException) -> str | None:
    """What users are told of a failure, None if it was not foreseen."""
    if isinstance(error, TmError):
        return error.message
    if _code(error) in _FULL:
        name = error.filename if isinstance(error, OSError) else None
        return (
            f'The disk is full: "{name or "a file"}" could not be written. '
            "Free some space and retry the workflow."
        )
    return None


def unforeseen(error: BaseException) -> str:
    """What users are told of a failure that was not foreseen; its traceback is in the log."""
    text = str(error)[:_SHOWN]
    said = f" ({text})" if text else ""
    return (
        f"The job failed for a reason that was not foreseen{said}: send its log to whoever runs "
        "this server."
    )


def _code(error: BaseException) -> int | None:
    if isinstance(error, OSError):
        return error.errno
    if isinstance(error, ValueError) and (found := _CODE_IN_TEXT.search(str(error))):
        return int(found[1])
    return None
