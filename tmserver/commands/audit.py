"""``tm audit``: who has done what to what."""

import json
from datetime import UTC, datetime
from typing import Any

import click

from tmlib.accounts import audit_entries
from tmlib.accounts.audit_entries import WhichResource
from tmlib.accounts.models import AuditEntry
from tmlib.experiments.ownership import EXPERIMENT
from tmserver.commands.output import print_json, print_table
from tmserver.commands.user import open_database

_moment = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])


@click.command()
@click.option("--user", help="Only what the user of this name did.")
@click.option("--experiment", help="Only what was done to experiments of this name.")
@click.option(
    "--resource", "resource_kind", help="Only what was done to such: `group`, for example."
)
@click.option("--resource-id", type=int, help="Only what was done to the one of this number.")
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
    resource_kind: str | None,
    resource_id: int | None,
    action: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """List who has done what to which experiment, group or other resource, the latest first."""
    which = [WhichResource(resource_kind, resource_id)]
    if experiment is not None:
        which.append(WhichResource(EXPERIMENT, name=experiment))
    with open_database() as database, database.session() as session:
        found = audit_entries.find(
            session,
            user=user,
            resources=which,
            action=action,
            since=since and since.replace(tzinfo=UTC),
            until=until and until.replace(tzinfo=UTC),
            limit=limit + 1,
        )
    shown = found[:limit]
    if as_json:
        print_json({"events": [_fields(entry) for entry in shown], "has_more": len(found) > limit})
        return
    print_table(
        "Events",
        ("TIME (UTC)", "USER", "ACTION", "STATUS", "FROM", "WHAT"),
        [_row(entry) for entry in shown],
    )
    if len(found) > limit:
        click.echo(f"These are the latest {limit}: --limit shows more.")


def _fields(entry: AuditEntry) -> dict[str, Any]:
    names = AuditEntry.__table__.columns.keys()
    is_experiment = entry.resource_kind == EXPERIMENT
    return {
        **{name: getattr(entry, name) for name in names},
        "experiment_id": entry.resource_id if is_experiment else None,
        "experiment_name": entry.resource_name if is_experiment else None,
    }


def _resource(entry: AuditEntry) -> str | None:
    if entry.resource_kind in (None, EXPERIMENT):
        return entry.resource_name
    return f"{entry.resource_kind} {entry.resource_name}"


def _row(entry: AuditEntry) -> tuple[object, ...]:
    details = json.dumps(entry.details, ensure_ascii=False) if entry.details else ""
    return (
        entry.at.strftime("%Y-%m-%d %H:%M:%S"),
        entry.user_name,
        entry.action,
        entry.status,
        entry.address,
        " ".join(part for part in (_resource(entry), details) if part),
    )
