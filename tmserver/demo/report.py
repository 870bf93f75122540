"""What a demo has found, as a table."""

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from tmclient import TmClient
from tmclient.progress import step_statuses


def print_report(client: TmClient, status: dict[str, Any], console: Console) -> None:
    """Show what the server now has: sites, channels, objects and features; and what it took."""
    table = Table(box=box.SIMPLE, show_header=False)
    table.add_row("sites", str(len(client.sites.list())))
    table.add_row("channels", ", ".join(channel["name"] for channel in client.channels.list()))
    for kind in client.object_types.list():
        if not kind["features"]:  # plates and wells, which nobody measures
            continue
        name, n_features = kind["name"], len(kind["features"])
        n_objects = len(client.feature_values.download(name))
        table.add_row(f"objects: {name}", f"{n_objects:,}, each with {n_features} features")
    for step in step_statuses(status):
        table.add_row(f"time: {step.name}", f"{step.time} ({step.n_jobs} jobs)")
    table.add_row("time: whole workflow", str(status["time"]))
    console.print(table, highlight=False, markup=False)
