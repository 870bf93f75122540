"""What all commands share: the session with the server, and printing."""

import getpass
import os
import stat
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import yaml
from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from tmclient.client import TmClient
from tmclient.errors import TmClientError

_PASSWORDS = Path("~/.tm_pass")
_WIDE = 200
_ANY_WIDTH = 10_000


@dataclass
class ClientSession:
    """The global options, and the client that they make when a command needs it."""

    host: str
    port: int
    username: str | None
    password: str | None
    token: str | None = None
    token_file: Path | None = None
    ca_bundle: Path | None = None
    experiment_name: str | None = None
    _client: TmClient | None = field(default=None, init=False)

    @property
    def client(self) -> TmClient:
        """The client; asks for a password if none is found elsewhere."""
        if self._client is None:
            token = None if self.password else self._find_token()
            self._client = TmClient(
                self.host,
                self.port,
                self.username,
                None if token else self._find_password(),
                self.experiment_name,
                self.ca_bundle,
                url=self.host if "://" in self.host else None,
                token=token,
            )
        return self._client

    def close(self) -> None:
        """Close the connections, if there are any."""
        if self._client is not None:
            self._client.close()

    def _find_token(self) -> str | None:
        if self.token or self.token_file is None:
            return self.token
        return read_private(self.token_file).strip()

    def _find_password(self) -> str:
        if self.username is None:
            raise TmClientError("Give your user name with --user, or set TM_USER.")
        return (
            self.password
            or _stored_password(self.username)
            or ask_password(f"Password of {self.username}")
        )


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
    """Standard output, wide if it is not a terminal, so that no cell is truncated."""
    found = Console()
    return found if found.is_terminal else Console(width=_WIDE)


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], optional: Sequence[str] = ()
) -> None:
    """Show rows under the names of their columns.

    Parameters
    ----------
    columns
        Their names.
    rows
        A value for each column.
    optional
        Columns to leave out, one after the other, if the terminal is too narrow.
    """
    shown = console()
    content = [tuple("" if value is None else str(value) for value in row) for row in rows]
    left_out: set[str] = set()
    for name in (*optional, None):
        indices = [i for i, column in enumerate(columns) if column not in left_out]
        table = Table(*(columns[i] for i in indices), box=box.ASCII2)
        for column in table.columns:
            column.overflow = "fold"
        for row in content:
            table.add_row(*(row[i] for i in indices))
        width = Measurement.get(shown, shown.options.update(width=_ANY_WIDTH), table).maximum
        if width <= shown.width or name is None:
            break
        left_out.add(name)
    shown.print(table, highlight=False, markup=False)


def print_resources(resources: Iterable[dict[str, Any]], **columns: str) -> None:
    """Show resources: a column for each argument, which names the resource's key."""
    rows = [[resource.get(key) for key in columns.values()] for resource in resources]
    print_table([_title(name) for name in columns], rows)


def print_log(log: dict[str, str]) -> None:
    """Print the output of a job to standard output and standard error."""
    click.echo(log["stdout"], nl=False)
    click.echo(log["stderr"], nl=False, err=True)


def ask_password(question: str, confirm: bool = False) -> str:
    """Ask for a password, which is not shown.

    Raises
    ------
    TmClientError
        If there is no terminal to ask at.
    """
    try:
        with warnings.catch_warnings():
            # without a terminal, Python would show the question or the answer in the wrong place
            warnings.simplefilter("error", getpass.GetPassWarning)
            answer: str = click.prompt(
                question, hide_input=True, err=True, confirmation_prompt=confirm
            )
    except getpass.GetPassWarning:
        raise TmClientError(
            f"{question}: there is no terminal to ask for it at. Set TM_PASSWORD, or write it "
            "into ~/.tm_pass."
        ) from None
    return answer


def read_private(path: Path) -> str:
    """The content of a file that only its owner may be able to read.

    Raises
    ------
    TmClientError
        If others can read it, or it cannot be read.
    """
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise TmClientError(f"Others can read {path}: restrict it with chmod 600 {path}.")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise TmClientError(f"{path} is not a text file.") from error


def _title(name: str) -> str:
    return "ID" if name == "id" else name.replace("_", " ").capitalize()


def _stored_password(username: str) -> str | None:
    """The user's password from ``~/.tm_pass``, a YAML file of user names and passwords."""
    path = _PASSWORDS.expanduser()
    if not path.is_file():
        return None
    try:
        passwords = yaml.safe_load(read_private(path))
    except yaml.YAMLError as error:
        raise TmClientError(f"{path} is not a YAML file of user names and passwords.") from error
    if not isinstance(passwords, dict) or username not in passwords:
        return None
    return str(passwords[username])
