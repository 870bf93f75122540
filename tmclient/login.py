"""How a client logs in: with a user name and password, or with a token."""

import threading
from collections.abc import Callable

import requests
from requests.auth import AuthBase

from tmclient.errors import LoginError

RequestToken = Callable[[str, str], str]
"""Asks the server for a token for a user name and a password."""


class Token(AuthBase):
    """Puts a token on a request, instead of what ``~/.netrc`` may have for the host."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header."""
        request.headers["Authorization"] = f"Bearer {self.text}"
        return request


class Login:
    """Logs in when needed, once for all threads.

    Parameters
    ----------
    username, password
        The user's; not needed with a token.
    token
        A personal access token, which is used as it is.
    """

    def __init__(self, username: str | None, password: str | None, token: str | None) -> None:
        self._username = username
        self._password = password
        self._is_personal = token is not None
        self._token = None if token is None else Token(token)
        self._lock = threading.Lock()

    @property
    def can_be_renewed(self) -> bool:
        """Whether there is a password to log in with again."""
        return not self._is_personal

    def token(self, request_token: RequestToken) -> Token:
        """The token to send; logs in first if there is none.

        Raises
        ------
        LoginError
            If there are no credentials, or the server does not accept them.
        """
        with self._lock:
            if self._token is None:
                if self._username is None or self._password is None:
                    raise LoginError("Give a user name and a password, or a token, to log in.", 401)
                self._token = Token(request_token(self._username, self._password))
            return self._token

    def forget(self, token: Token | None = None) -> None:
        """Stop using a token; whichever is in use if none is given."""
        with self._lock:
            if token is None or self._token is token:
                self._token = None

    def replace_password(self, password: str, token: str) -> None:
        """Use a new password, and the token that was issued with it."""
        with self._lock:
            self._password = password
            self._token = Token(token)
