"""``tm audit``: who has done what to which experiment."""

import json
from datetime import UTC, datetime
from typing import Any

import click

from tmlib.accounts import audit as trail
from tmlib.accounts.models import AuditEvent
from tmserver.commands.output import print_json, print_table
from tmserver.commands.user import open_database

_moment = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])


@click.command()
@click.option("--user", help="Only what the user of this name did.")
@click.option("--experiment", help="Only what was done to experiments of this name.")
@click.option("--action", help="Only this, `delete_experiment` or `tm user add` for example.")
@click.option("--since", type=_moment, help="Only from this time (UTC) on.")
@click.option("--until", type=_moment, help="Only up to this time (UTC).")
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=50,
    show_default=True,
    help="At most so many.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def audit(
    user: str | None,
    experiment: str | None,
    action: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """List who has done what to which experiment, the latest first."""
    with open_database() as database, database.session() as session:
        found = trail.find(
            session,
            user=user,
            experiment=experiment,
            action=action,
            since=since and since.replace(tzinfo=UTC),
            until=until and until.replace(tzinfo=UTC),
            limit=limit + 1,
        )
    shown = found[:limit]
    if as_json:
        print_json({"events": [_fields(event) for event in shown], "has_more": len(found) > limit})
        return
    print_table(
        "Events",
        ("TIME (UTC)", "USER", "ACTION", "STATUS", "FROM", "EXPERIMENT"),
        [_row(event) for event in shown],
    )
    if len(found) > limit:
        click.echo(f"These are the latest {limit}: --limit shows more.")


def _fields(event: AuditEvent) -> dict[str, Any]:
    names = AuditEvent.__table__.columns.keys()
    return {name: getattr(event, name) for name in names}


def _row(event: AuditEvent) -> tuple[object, ...]:
    details = json.dumps(event.details, ensure_ascii=False) if event.details else ""
    return (
        event.at.strftime("%Y-%m-%d %H:%M:%S"),
        event.user_name,
        event.action,
        event.status,
        event.address,
        " ".join(part for part in (event.experiment_name, details) if part),
    )
