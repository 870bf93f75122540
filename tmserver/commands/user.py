"""``tm user``: who can log in."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich import box
from rich.console import Console
from rich.table import Table

from tmlib import schema
from tmlib.accounts import service
from tmlib.accounts.models import User
from tmlib.db import Database, Process, revision
from tmlib.errors import BadInput, Conflict
from tmlib.settings import Settings
from tmserver.commands.auditing import audited

_PASSWORD_VARIABLE = "TM_PASSWORD"  # noqa: S105 - a name, not a secret


@click.group()
def user() -> None:
    """Add, list and disable users, and set passwords.

    A password comes from the environment variable TM_PASSWORD, a prompt, or standard input when
    that is not a terminal.
    """


@user.command()
@click.argument("name")
@click.option("--email", required=True, help="The user's address.")
@click.option("--admin", is_flag=True, help="Let the user administrate the installation.")
@audited
def add(name: str, email: str, admin: bool) -> None:
    """Add a user who can log in from now on."""
    password = _read_password()
    with open_database() as database, database.transaction() as session:
        service.create_user(session, name, password, email, is_admin=admin)
    click.echo(f"{name} can log in.")


@user.command("list")
def list_users() -> None:
    """List all users."""
    table = Table("Name", "Address", "Administrator", "Can log in", box=box.ASCII2)
    with open_database() as database, database.session() as session:
        for found in service.list_users(session):
            is_admin = "yes" if found.is_admin else "no"
            table.add_row(found.name, found.email, is_admin, _way_in(found))
    Console().print(table, highlight=False, markup=False)


@user.command()
@click.argument("name")
@audited
def passwd(name: str) -> None:
    """Set a user's password; logins and personal tokens of the user end."""
    password = _read_password()
    with open_database() as database, database.transaction() as session:
        service.set_password(session, name, password)
    click.echo(f"{name} has a new password.")


@user.command()
@click.argument("name")
@audited
def disable(name: str) -> None:
    """Lock a user out; experiments stay."""
    _set_active(name, is_active=False)


@user.command()
@click.argument("name")
@audited
def enable(name: str) -> None:
    """Let a user in again."""
    _set_active(name, is_active=True)


def _read_password() -> str:
    # never from the command line, which all users of the machine can see
    password = os.environ.get(_PASSWORD_VARIABLE)
    if password is not None:
        return password
    if sys.stdin.isatty():
        prompted: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return prompted
    read = sys.stdin.readline().rstrip("\r\n")
    if not read:
        raise BadInput(
            f"There is no password: set {_PASSWORD_VARIABLE}, give it as a line of standard input, "
            "or run this at a terminal."
        )
    return read


def _way_in(user: User) -> str:
    if not user.is_active:
        return "no"
    if user.origin is not None:
        return f"by {user.origin}"
    return "no password" if user.password_hash == service.NO_PASSWORD else "yes"


def _set_active(name: str, *, is_active: bool) -> None:
    with open_database() as database, database.transaction() as session:
        service.set_active(session, name, is_active=is_active)
    click.echo(f"{name} can {'log in again' if is_active else 'no longer log in'}.")


@contextmanager
def open_database() -> Iterator[Database]:
    """The installation's database, with tables if it is a new one."""
    database = Database.of(Settings(), Process.COMMAND)
    if revision.current(database) is None:
        schema.upgrade(database)
    if problem := revision.mismatch(database):
        raise Conflict(problem)
    try:
        yield database
    finally:
        database.close()
