"""The errors of the client; each message is one sentence for the user."""


class TmClientError(Exception):
    """Base of all errors of the client.

    Parameters
    ----------
    message
        One sentence: what, why, and the way out.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ServerUnreachable(TmClientError):  # noqa: N818 - reads as what it is
    """The server did not answer, or its answer broke off."""


class RequestError(TmClientError):
    """The server refused a request; the message is the server's.

    Attributes
    ----------
    status_code
        HTTP status, 404 for example.
    type
        The server's name for the kind of error.
    """

    def __init__(self, message: str, status_code: int, type: str = "") -> None:  # noqa: A002 - as in the response
        super().__init__(message)
        self.status_code = status_code
        self.type = type


class LoginError(RequestError):
    """The server does not know the user, or the password is wrong or missing."""


class ResourceError(TmClientError):
    """A name belongs to nothing on the server, or to more than one thing."""


class WorkflowFailed(TmClientError):  # noqa: N818 - reads as what it is
    """The workflow has failed; the message says which steps, and why."""


class UploadError(TmClientError):
    """Some files could not be sent.

    Attributes
    ----------
    failed
        The reasons by file name; all other files were sent.
    """

    def __init__(self, failed: dict[str, str], n_total: int) -> None:
        name, reason = next(iter(failed.items()))
        super().__init__(
            f"{len(failed)} of {n_total} files could not be sent, {name} for example: {reason} "
            "Upload the folder again: files that have arrived are not sent twice."
        )
        self.failed = failed
