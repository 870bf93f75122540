"""What all commands share: who talks to which server, and how answers are shown."""

import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import yaml
from rich import box
from rich.console import Console
from rich.table import Table

from tmclient.client import TmClient
from tmclient.errors import TmClientError

_PASSWORDS = Path("~/.tm_pass")
_WIDE = 200


@dataclass
class ClientSession:
    """The global options, and the client that they make when a command needs it."""

    host: str
    port: int
    username: str | None
    password: str | None
    experiment_name: str | None = None
    _client: TmClient | None = field(default=None, init=False)

    @property
    def client(self) -> TmClient:
        """The client; asks for a password if none is found elsewhere."""
        if self._client is None:
            if self.username is None:
                raise TmClientError("Give your user name with --user, or set TM_USER.")
            self._client = TmClient(
                self.host,
                self.port,
                self.username,
                self.password or _stored_password(self.username) or _ask_password(self.username),
                self.experiment_name,
                url=self.host if "://" in self.host else None,
            )
        return self._client

    def close(self) -> None:
        """Close the connections, if there are any."""
        if self._client is not None:
            self._client.close()


pass_session = click.make_pass_decorator(ClientSession)


def resource_group(name: str, help_text: str) -> click.Group:
    """A group of commands about something in an experiment, which ``-e`` names."""

    @click.group(name, help=help_text)
    @click.option("-e", "--experiment", "experiment_name", required=True, help="Its experiment.")
    @pass_session
    def group(session: ClientSession, experiment_name: str) -> None:
        session.experiment_name = experiment_name

    return group


def console() -> Console:
    """Standard output; wide where it is not a terminal, so that no cell is cut."""
    found = Console()
    return found if found.is_terminal else Console(width=_WIDE)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Show rows under the names of their columns."""
    table = Table(*columns, box=box.ASCII2)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    console().print(table, highlight=False, markup=False)


def print_resources(resources: Iterable[dict[str, Any]], **columns: str) -> None:
    """Show resources: a column for each argument, which names the resource's key."""
    rows = [[resource.get(key) for key in columns.values()] for resource in resources]
    print_table([name.replace("_", " ").capitalize() for name in columns], rows)


def _stored_password(username: str) -> str | None:
    """The user's password from ``~/.tm_pass``, a YAML file of user names and passwords.

    Raises
    ------
    TmClientError
        If others can read the file, or it cannot be understood.
    """
    path = _PASSWORDS.expanduser()
    if not path.is_file():
        return None
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise TmClientError(f"Others can read {path}: make it yours alone with chmod 600 {path}.")
    try:
        passwords = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise TmClientError(f"{path} is not a YAML file of user names and passwords.") from error
    if not isinstance(passwords, dict) or username not in passwords:
        return None
    return str(passwords[username])


def _ask_password(username: str) -> str:
    answer: str = click.prompt(f"Password of {username}", hide_input=True, err=True)
    return answer
