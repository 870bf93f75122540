"""The client."""

from pathlib import Path
from types import TracebackType
from typing import Self

from tmclient.accounts import Accounts
from tmclient.channels import Channels
from tmclient.connection import Connection
from tmclient.exhibition import Exhibition
from tmclient.experiments import Experiments
from tmclient.files import MicroscopeFiles
from tmclient.login import Login
from tmclient.object_files import ObjectFiles
from tmclient.sharing import Sharing
from tmclient.tools import Tools
from tmclient.values import Values
from tmclient.workflow import Workflows


class TmClient(
    Experiments,
    MicroscopeFiles,
    Channels,
    Exhibition,
    ObjectFiles,
    Values,
    Workflows,
    Tools,
    Sharing,
    Accounts,
):
    """A user on a server, and usually an experiment.

    Nothing is sent before the first method is called; then the user is logged in. Used as a
    context manager it closes its connections at the end.

    Parameters
    ----------
    host, port
        The server; port 443 means HTTPS.
    username, password
        The user.
    experiment_name
        The experiment that all methods are about.
    ca_bundle
        File with the certificates to trust, where those of the system do not do.
    url
        Address of the server instead of host and port, for example
        ``https://microscopy.example.org/tm``.
    token
        A personal access token instead of user name and password.
    """

    def __init__(
        self,
        host: str = "localhost",
        port: int = 80,
        username: str | None = None,
        password: str | None = None,
        experiment_name: str | None = None,
        ca_bundle: str | Path | None = None,
        *,
        url: str | None = None,
        token: str | None = None,
    ) -> None:
        if url is None:
            url = f"https://{host}" if port == 443 else f"http://{host}:{port}"
        login = Login(username, password, token)
        super().__init__(Connection(url, login, ca_bundle), experiment_name)

    def close(self) -> None:
        """Close the connections to the server."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
