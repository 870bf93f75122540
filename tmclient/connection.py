"""HTTP to one server as one user: log in when needed, retry what may be repeated."""

import threading
from collections.abc import Iterable, Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.util import Retry, parse_url

from tmclient.errors import LoginError, RequestError, ServerUnreachable

_CONNECT_SECONDS = 10
_READ_SECONDS = 300
_MAX_CONNECTIONS = 64


class _Token(AuthBase):
    """Puts a token on a request, instead of what ``~/.netrc`` may have for the host."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"JWT {self._token}"
        return request


class Connection:
    """A session on a server.

    Requests that change nothing when they are repeated are sent again, with growing pauses, when
    the connection breaks or the server is busy. The connection may be shared by threads.

    Parameters
    ----------
    url
        Address of the server, for example ``http://localhost:8080``.
    username, password
        Used at the first request, and again when the login has expired.
    ca_bundle
        File with the certificates to trust, where those of the system do not do.
    """

    def __init__(
        self,
        url: str,
        username: str | None = None,
        password: str | None = None,
        ca_bundle: str | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._username = username
        self._password = password
        self._session = requests.Session()
        # a proxy that leads out of the house does not know this machine's servers
        self._session.trust_env = not _is_this_machine(self.url)
        if ca_bundle is not None:
            self._session.verify = ca_bundle
        retry = Retry(
            total=4,
            backoff_factor=0.3,
            status_forcelist=(429, 502, 503, 504),
            raise_on_status=False,
        )
        adapter = HTTPAdapter(pool_maxsize=_MAX_CONNECTIONS, max_retries=retry)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        self._token: str | None = None
        self._login_lock = threading.Lock()

    def close(self) -> None:
        """Close the connections to the server."""
        self._session.close()

    def get(self, path: str, **parameters: Any) -> Any:
        """The ``data`` of an answer; parameters that are None are not sent."""
        return self.request("GET", path, parameters=parameters).json()["data"]

    def post(self, path: str, content: Mapping[str, Any] | None = None) -> Any:
        """Send JSON and return the JSON that comes back."""
        return self.request("POST", path, json=content if content is not None else {}).json()

    def put(self, path: str, content: Mapping[str, Any]) -> Any:
        """Send JSON and return the JSON that comes back."""
        return self.request("PUT", path, json=content).json()

    def delete(self, path: str) -> None:
        """Remove what is at a path."""
        self.request("DELETE", path)

    def request(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        json: Any = None,
        body: Iterable[bytes] | None = None,
        content_type: str | None = None,
    ) -> requests.Response:
        """Send a request as the user.

        Parameters
        ----------
        method, path
            For example ``"GET"`` and ``"/api/experiments"``.
        parameters
            Of the query; those that are None are left out.
        json
            Object to send.
        body
            Bytes to send instead; iterated again if the request has to be repeated.
        content_type
            Of `body`.

        Raises
        ------
        LoginError
            If the server does not accept user name and password.
        RequestError
            If it refuses the request.
        ServerUnreachable
            If it does not answer.
        """
        query = {name: value for name, value in (parameters or {}).items() if value is not None}
        for last in (False, True):
            token = self._login()
            response = self._send(
                method,
                path,
                params=query,
                json=json,
                data=body,
                headers=None if content_type is None else {"Content-Type": content_type},
                auth=_Token(token),
            )
            if response.status_code != 401 or last:
                break
            self._forget(token)
        _check(response)
        return response

    def _login(self) -> str:
        """The token of the user, from a new login if there is none."""
        with self._login_lock:
            if self._token is None:
                self._token = self._request_token()
            return self._token

    def _forget(self, token: str) -> None:
        with self._login_lock:
            if self._token == token:
                self._token = None

    def _request_token(self) -> str:
        if self._username is None or self._password is None:
            raise LoginError(f"Give a user name and a password to log in at {self.url}.", 401)
        response = self._send(
            "POST", "/auth", json={"username": self._username, "password": self._password}
        )
        if response.status_code == 401:
            raise LoginError(*_describe(response))
        _check(response)
        token: str = response.json()["access_token"]
        return token

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:
        try:
            return self._session.request(
                method, self.url + path, timeout=(_CONNECT_SECONDS, _READ_SECONDS), **options
            )
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
            raise ServerUnreachable(f"{self.url} is not the address of a server.") from error
        except requests.exceptions.SSLError as error:
            raise ServerUnreachable(
                f"The certificate of {self.url} cannot be verified: {error}"
            ) from error
        except requests.exceptions.ConnectionError as error:
            raise ServerUnreachable(
                f"No server answers at {self.url}: check the address and that it is running."
            ) from error
        except requests.exceptions.RequestException as error:
            raise ServerUnreachable(f"The answer of {self.url} broke off: {error}") from error


def _is_this_machine(url: str) -> bool:
    host = parse_url(url).host or ""
    return host in ("localhost", "[::1]") or host.startswith("127.")


def _check(response: requests.Response) -> None:
    """Raise what the server answered if it is an error."""
    if response.status_code >= 400:
        raise RequestError(*_describe(response))


def _describe(response: requests.Response) -> tuple[str, int, str]:
    """Message, status and type of an error."""
    status = response.status_code
    try:
        error = response.json()["error"]
        return str(error["message"]), status, str(error.get("type", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"The server answered {status} {response.reason} to {response.url}.", status, ""
