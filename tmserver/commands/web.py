"""``tm web``: the web server alone, where workers and Redis run elsewhere."""

import os

import click

from tmlib.accounts.ldap import LdapDirectory
from tmlib.accounts.openid import OpenIdProvider
from tmlib.errors import BadInput
from tmlib.settings import Settings
from tmserver.schema_version import refuse_other_version
from tmserver.supervisor import web_server
from tmserver.supervisor.supervisor import check_port


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=5002,
    show_default=True,
    type=click.IntRange(1, 65535),
    help="Port to listen on.",
)
@click.option(
    "--workers",
    default=web_server.WORKERS,
    show_default=True,
    type=click.IntRange(min=1),
    help="Number of processes.",
)
@click.option(
    "--threads",
    default=web_server.THREADS,
    show_default=True,
    type=click.IntRange(min=1),
    help="Requests that each of them answers at a time.",
)
def web(host: str, port: int, workers: int, threads: int) -> None:
    """Run the web server of the installation that TM_BROKER_URL and TM_DATABASE_URL name.

    SIGTERM lets running requests end; SIGHUP starts its processes anew, one after the other.
    """
    settings = Settings()
    if settings.broker_url is None:
        raise BadInput(
            "TM_BROKER_URL is not set: set it to the URL of your Redis, or use `tm serve`, which "
            "runs everything."
        )
    LdapDirectory.of(settings)  # what does not fit together is told of before anything starts
    OpenIdProvider.of(settings)
    refuse_other_version(settings)
    check_port(host, port)
    command = web_server.command(
        f"[{host}]:{port}" if ":" in host else f"{host}:{port}", workers, threads
    )
    os.execv(command[0], command)  # noqa: S606 - gunicorn takes this process's place, without a shell
