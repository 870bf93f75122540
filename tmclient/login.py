"""Who somebody is on a server: a user with a password, or a token."""

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
    """Logs in when it must, once for all threads.

    Parameters
    ----------
    username, password
        Of a user; not needed with a token.
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
        """Whether there is a password, with which to log in again."""
        return not self._is_personal

    def token(self, request_token: RequestToken) -> Token:
        """The token to send, after a new login if there is none.

        Raises
        ------
        LoginError
            If nothing is known to log in with, or the server does not accept it.
        """
        with self._lock:
            if self._token is None:
                if self._username is None or self._password is None:
                    raise LoginError("Give a user name and a password, or a token, to log in.", 401)
                self._token = Token(request_token(self._username, self._password))
            return self._token

    def forget(self, token: Token | None = None) -> None:
        """Do not use a token any more, or any if none is given."""
        with self._lock:
            if token is None or self._token is token:
                self._token = None

    def replace_password(self, password: str, token: str) -> None:
        """Go on with a new password, and the token that came for it."""
        with self._lock:
            self._password = password
            self._token = Token(token)
