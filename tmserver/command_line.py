"""The ``tm`` command, for those who run an installation."""

import logging
import os
import sys
from importlib import import_module
from typing import Any

import click
from pydantic import ValidationError
from sqlalchemy.exc import OperationalError

from tmclient.errors import TmClientError
from tmlib.errors import TmError

_COMMANDS = (
    "demo",
    "serve",
    "web",
    "worker",
    "status",
    "audit",
    "jobs",
    "logs",
    "retry",
    "kill",
    "drain",
    "slurm",
    "db",
    "user",
    "group",
    "catalogue",
    "verify",
    "facility",
    "generate-objects",
)

FAILURE = "tmserver.failure"
"""Where a command whose exit code 1 says something else notes the exception that errors become."""


class _Commands(click.Group):
    """Imports a command only when it is used, and turns errors into a message."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(import_module(f"tmserver.commands.{name}"), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (TmError, TmClientError, OSError, OperationalError, ValidationError) as error:
            if ctx.params["verbose"]:
                raise
            failure: type[click.ClickException] = ctx.meta.get(FAILURE, click.ClickException)
            raise failure(_describe(error)) from error
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            # the interpreter would end with 1
            if FAILURE not in ctx.meta or ctx.params["verbose"]:
                raise
            told = f"Something unexpected went wrong: {type(error).__name__}: {error}"
            raise ctx.meta[FAILURE](told) from error


def _describe(error: Exception) -> str:
    """What a user has to know of an error; settings are the only thing validated here."""
    if isinstance(error, ValidationError):
        from tmlib.settings import Settings

        wrong = error.errors()[0]
        name, reason = str(wrong["loc"][0]), str(wrong["msg"]).removeprefix("Value error, ")
        is_secret = "Secret" in str(Settings.model_fields[name].annotation)
        value = "wrong" if is_secret else repr(wrong["input"])
        return f"TM_{name.upper()} is {value}: {reason}."
    if isinstance(error, OperationalError):
        return f"The database does not answer: {error.orig}"
    return str(error)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-v", "--verbose", is_flag=True, help="Show where errors come from.")
@click.version_option(package_name="tmserver", prog_name="tm")
def cli(verbose: bool) -> None:
    """Run a tmserver: from plates of microscope images to a map with every cell on it."""


def main() -> None:
    """Run the command, and leave without taking the interpreter apart.

    That takes seconds on a busy machine, in which somebody waits for the end of a server.
    """
    try:
        cli(prog_name="tm")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    else:
        code = 0
    logging.shutdown()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        # whoever was to read it is gone
        code = code or 1
    os._exit(code)
