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
    table.add_row("sites", str(len(client.get_sites())))
    table.add_row("channels", ", ".join(channel["name"] for channel in client.get_channels()))
    for kind in client.get_mapobject_types():
        if not kind["features"]:  # plates and wells, which nobody measures
            continue
        name, n_features = kind["name"], len(kind["features"])
        n_objects = len(client.download_feature_values(name))
        table.add_row(f"objects: {name}", f"{n_objects:,}, each with {n_features} features")
    for step in step_statuses(status):
        table.add_row(f"time: {step.name}", f"{step.time} ({step.n_jobs} jobs)")
    table.add_row("time: whole workflow", str(status["time"]))
    console.print(table, highlight=False, markup=False)
