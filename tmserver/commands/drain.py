"""``tm drain``: taking hosts out of work, and back."""

import socket
from dataclasses import asdict

import click

from tmlib.db import clock
from tmlib.errors import NotFound
from tmlib.ledger import drain as hosts_in_work
from tmlib.ledger import overview
from tmserver.commands.auditing import audited
from tmserver.commands.output import print_hosts, print_json
from tmserver.commands.user import open_database


@click.command()
@click.argument("hosts", metavar="[HOST]...", nargs=-1)
@click.option("--all", "everywhere", is_flag=True, help="All hosts that have workers.")
@click.option("--undo", is_flag=True, help="Let them take jobs again.")
@click.option("--stop", is_flag=True, help="Also end `tm worker` there when nothing runs any more.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@audited
def drain(hosts: tuple[str, ...], everywhere: bool, undo: bool, stop: bool, as_json: bool) -> None:
    """Let hosts, this one by default, take no more jobs; those that run there go on.

    It lasts until it is undone, also over restarts. `tm status` tells when a host is drained.
    """
    if hosts and everywhere:
        raise click.UsageError("--all and names of hosts exclude each other.")
    if undo and stop:
        raise click.UsageError("--undo and --stop exclude each other.")
    with open_database() as database:
        with database.transaction() as session:
            meant = hosts or (socket.gethostname(),)
            if everywhere:
                meant = tuple(hosts_in_work.known_hosts(session))
                if not meant:
                    raise NotFound("No host has workers: there is nothing to drain.")
            hosts_in_work.drain(session, meant, not undo, ends_workers=stop)
        with database.session() as session:
            loads = overview.host_loads(session, clock.read(session))
            found = [one for one in loads if one.name in meant]
    if as_json:
        print_json({"hosts": [asdict(host) for host in found]})
        return
    print_hosts(found)
