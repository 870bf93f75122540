"""The ``tm_client`` command: ``tm_client [OPTIONS] RESOURCE [-e EXPERIMENT] METHOD [OPTIONS]``."""

import os
from pathlib import Path
from typing import Any

import click

from tmclient.commands.accounts import share, token, user
from tmclient.commands.annotations import annotation_table
from tmclient.commands.experiments import acquisition, channel, experiment, plate
from tmclient.commands.files import microscope_file
from tmclient.commands.groups import group
from tmclient.commands.images import channel_image, segmentation, tile
from tmclient.commands.mapobjects import mapobject
from tmclient.commands.object_tables import object_table
from tmclient.commands.objects import feature, feature_values, object_type
from tmclient.commands.places import EXISTING_FILE
from tmclient.commands.publications import publication
from tmclient.commands.session import ClientSession
from tmclient.commands.tools import tools
from tmclient.commands.wells import site, well
from tmclient.commands.workflow import jtproject, workflow
from tmclient.errors import TmClientError, WorkflowFailed

_TRACEBACKS = 4


class _WorkflowFailure(click.ClickException):
    exit_code = 3


class _Commands(click.Group):
    """Turns errors into a message and an exit code; ``-vvvv`` shows where they come from."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (TmClientError, OSError) as error:
            if ctx.params["verbosity"] >= _TRACEBACKS:
                raise
            is_workflow = isinstance(error, WorkflowFailed)
            kind = _WorkflowFailure if is_workflow else click.ClickException
            raise kind(str(error)) from error


def _default_user() -> str | None:
    return os.environ.get("USER") or os.environ.get("LOGNAME")


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-H",
    "--host",
    envvar="TM_HOST",
    default="localhost",
    show_default=True,
    help="The server's name or whole address, https://tm.example.org for example. [TM_HOST]",
)
@click.option(
    "-P",
    "--port",
    envvar="TM_PORT",
    type=click.IntRange(1, 65535),
    default=80,
    show_default=True,
    help="The server's port; 443 means HTTPS. [TM_PORT]",
)
@click.option(
    "-u", "--user", "username", envvar="TM_USER", default=_default_user, help="You. [TM_USER]"
)
@click.option(
    "-p",
    "--password",
    envvar="TM_PASSWORD",
    help="Better not on the command line: TM_PASSWORD, ~/.tm_pass or a prompt.",
)
@click.option(
    "--token-file",
    envvar="TM_TOKEN_FILE",
    type=EXISTING_FILE,
    help="File with a token, readable by you alone, to log in with. [TM_TOKEN_FILE, TM_TOKEN]",
)
@click.option(
    "--ca-bundle",
    envvar="TM_CA_BUNDLE",
    type=EXISTING_FILE,
    help="File of certificates to trust instead of the system's. [TM_CA_BUNDLE]",
)
@click.option("-v", "--verbosity", count=True, help="-vvvv shows tracebacks.")
@click.pass_context
def cli(
    ctx: click.Context,
    host: str,
    port: int,
    username: str | None,
    password: str | None,
    token_file: Path | None,
    ca_bundle: Path | None,
    verbosity: int,
) -> None:
    """Work with the experiments of a tmserver from the command line."""
    found = os.environ.get("TM_TOKEN")
    ctx.obj = ClientSession(host, port, username, password, found, token_file, ca_bundle)
    ctx.call_on_close(ctx.obj.close)


for command in (
    experiment,
    plate,
    acquisition,
    well,
    site,
    microscope_file,
    channel,
    channel_image,
    object_type,
    mapobject,
    feature,
    feature_values,
    object_table,
    annotation_table,
    publication,
    segmentation,
    workflow,
    jtproject,
    tools,
    tile,
    share,
    token,
    user,
    group,
):
    cli.add_command(command)


def main() -> None:
    """Run the command."""
    cli(prog_name="tm_client")
