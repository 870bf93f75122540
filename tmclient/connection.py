"""HTTP to one server as one user: log in when needed, retry what may be repeated."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import Retry, parse_url

from tmclient.cancellation import Cancellation, pause_seconds
from tmclient.errors import LoginError, RequestError, ServerUnreachable
from tmclient.local_files import writing
from tmclient.login import Login

_CONNECT_SECONDS = 10
_READ_SECONDS = 300
_MAX_CONNECTIONS = 64
_PIECE = 1024 * 1024
_ATTEMPTS = 4


class Connection:
    """HTTP requests to one server.

    Idempotent requests are retried, with growing pauses, when the connection breaks or the server
    is busy. Threads may share a connection.

    Parameters
    ----------
    url
        Address of the server, for example ``http://localhost:8080``.
    login
        Used at the first request, and again when a login has expired.
    ca_bundle
        File of certificates to trust instead of the system's.
    """

    def __init__(self, url: str, login: Login, ca_bundle: str | Path | None = None) -> None:
        self.url = url.rstrip("/")
        self.login = login
        self._session = requests.Session()
        # a proxy to the outside cannot reach servers on this machine
        self._session.trust_env = not _is_this_machine(self.url)
        if ca_bundle is not None:
            self._session.verify = str(ca_bundle)
        retry = Retry(
            total=_ATTEMPTS,
            backoff_factor=0.3,
            backoff_jitter=0.2,
            status_forcelist=(429, 502, 503, 504),
            raise_on_status=False,
        )
        adapter = HTTPAdapter(pool_maxsize=_MAX_CONNECTIONS, max_retries=retry)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def close(self) -> None:
        """Close the connections to the server."""
        self._session.close()

    def get(self, path: str, **parameters: Any) -> Any:
        """Send a GET request without parameters that are None; return the answer's ``data``."""
        return self.request("GET", path, parameters=parameters).json()["data"]

    def post(self, path: str, content: Mapping[str, Any] | None = None) -> Any:
        """Send JSON and return the JSON that comes back."""
        return self.request("POST", path, json=content if content is not None else {}).json()

    def put(self, path: str, content: Mapping[str, Any]) -> Any:
        """Send JSON and return the JSON that comes back."""
        return self.request("PUT", path, json=content).json()

    def delete(self, path: str) -> None:
        """Delete the resource at a path."""
        self.request("DELETE", path)

    def request(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        json: Any = None,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
    ) -> requests.Response:
        """Send a request as the user.

        Parameters
        ----------
        method, path
            For example ``"GET"`` and ``"/api/experiments"``; also a whole address on this server.
        parameters
            Query parameters; those that are None are left out.
        json
            Object to send as JSON.
        body
            Bytes to send instead; an iterable is iterated again for each retry.
        headers
            Further headers.
        stream
            Whether to return before the content of the answer is read; the caller closes it then.

        Raises
        ------
        LoginError
            If the server does not accept user name and password, or the token.
        RequestError
            If it refuses the request.
        ServerUnreachable
            If it does not answer.
        """
        query = {name: value for name, value in (parameters or {}).items() if value is not None}
        for last in (False, True):
            token = self.login.token(self._request_token)
            response = self._send(
                method,
                path,
                params=query,
                json=json,
                data=body,
                headers=headers,
                auth=token,
                stream=stream,
            )
            if response.status_code != 401 or last or not self.login.can_be_renewed:
                break
            response.close()
            self.login.forget(token)
        _check(response)
        return response

    @contextmanager
    def stream(
        self, path: str, parameters: Mapping[str, Any] | None = None
    ) -> Iterator[requests.Response]:
        """Send a GET request and read its answer piece by piece.

        Raises
        ------
        ServerUnreachable
            If the answer breaks off.
        """
        response = self.request("GET", path, parameters=parameters, stream=True)
        response.raw.decode_content = True
        try:
            yield response
        except (HTTPError, requests.exceptions.RequestException) as error:
            raise ServerUnreachable(f"The answer of {self.url} broke off: {error}") from error
        finally:
            response.close()

    def download(
        self,
        path: str,
        target: Path,
        parameters: Mapping[str, Any] | None = None,
        cancellation: Cancellation | None = None,
    ) -> Path:
        """Write the answer to a GET request into a file, which appears only once it is complete.

        Parameters
        ----------
        target
            The file; or an existing folder, in which the server chooses the file's name.
        cancellation
            Ends the download, if the thread is one of several.

        Returns
        -------
        pathlib.Path
            The file.
        """
        cancellation = cancellation or Cancellation()
        attempt = 0
        while True:
            try:
                with self.stream(path, parameters) as response:
                    return _write(response, target, cancellation)
            except ServerUnreachable:
                if attempt == _ATTEMPTS:
                    raise
            cancellation.pause(attempt)
            attempt += 1

    def log_out(self) -> None:
        """End the login, or delete the personal token, that requests are sent with."""
        self.request("POST", "/auth/logout", json={})
        self.login.forget()

    def _request_token(self, username: str, password: str) -> str:
        response = self._send("POST", "/auth", json={"username": username, "password": password})
        _check(response)
        token: str = response.json()["access_token"]
        return token

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:
        url = path if path.startswith(("http://", "https://")) else self.url + path
        attempt = 0
        while True:
            try:
                return self._session.request(
                    method, url, timeout=(_CONNECT_SECONDS, _READ_SECONDS), **options
                )
            except requests.exceptions.RequestException as error:
                broke_off = isinstance(error, requests.exceptions.ChunkedEncodingError)
                # failures before the answer began have been retried already
                if not (broke_off and method == "GET") or attempt == _ATTEMPTS:
                    raise ServerUnreachable(_explain(error, self.url)) from error
            time.sleep(pause_seconds(attempt))
            attempt += 1


def _write(response: requests.Response, target: Path, cancellation: Cancellation) -> Path:
    if target.is_dir():
        target = target / _file_name(response)
    with writing(target) as file:
        for piece in response.iter_content(_PIECE):
            cancellation.check()
            file.write(piece)
    return target


def _file_name(response: requests.Response) -> str:
    """The file name that the server suggests, without any folders."""
    message = Message()
    message["Content-Disposition"] = response.headers.get("Content-Disposition", "attachment")
    name = Path(message.get_filename("")).name
    if not name or name.startswith("."):
        raise ServerUnreachable(f"{response.url} does not name the file that it sends.")
    return name


def _is_this_machine(url: str) -> bool:
    try:
        host = parse_url(url).host or ""
    except LocationParseError as error:
        raise ServerUnreachable(f"{url} is not the address of a server.") from error
    return host in ("localhost", "[::1]") or host.startswith("127.")


def _explain(error: requests.exceptions.RequestException, url: str) -> str:
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return f"{url} is not the address of a server."
    if isinstance(error, requests.exceptions.SSLError):
        return f"The certificate of {url} cannot be verified: {error}"
    if isinstance(error, requests.exceptions.ConnectionError):
        return f"No server answers at {url}: check the address and that it is running."
    return f"The answer of {url} broke off: {error}"


def _check(response: requests.Response) -> None:
    """Raise what the server answered if it is an error."""
    if response.status_code == 401:
        raise LoginError(*_describe(response))
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
