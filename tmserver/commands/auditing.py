"""The entries that commands leave in the audit trail when they change something."""

import functools
import getpass
import os
import socket
from collections.abc import Callable
from typing import ParamSpec

import click
from sqlalchemy.exc import SQLAlchemyError

from tmlib.accounts import audit_entries
from tmlib.accounts.audit_entries import Resource
from tmlib.db import Database, Process
from tmlib.errors import DatabaseBusy
from tmlib.settings import Settings

_RESOURCE = "tmserver.resource"

Parameters = ParamSpec("Parameters")


def audited(command: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """Let a command leave an entry, by the user of the operating system who runs it.

    Put it below ``@click.command()``; what the command is called with becomes the details.
    """

    @functools.wraps(command)
    def run(*arguments: Parameters.args, **options: Parameters.kwargs) -> None:
        try:
            command(*arguments, **options)
        except BaseException:
            _record(exit_code=1)
            raise
        _record(exit_code=0)

    return run


def is_about(resource: Resource) -> None:
    """Tell what the present command changes."""
    click.get_current_context().meta[_RESOURCE] = resource


def _record(exit_code: int) -> None:
    context = click.get_current_context()
    resource: Resource | None = context.meta.get(_RESOURCE)
    entry = audit_entries.Entry(
        action=" ".join(("tm", *context.command_path.split()[1:])),
        status=exit_code,
        user_name=_user(),
        resource=resource,
        details={name: value for name, value in context.params.items() if value is not None},
        address=socket.gethostname(),
    )
    database = Database.of(Settings(), Process.COMMAND)
    try:
        with database.transaction() as session:
            audit_entries.record(session, entry)
    except (SQLAlchemyError, DatabaseBusy) as error:
        click.echo(f"The audit trail could not be written: {error.__cause__ or error}", err=True)
    finally:
        database.close()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # one that the machine has no name for, in a container
        return str(os.getuid())
