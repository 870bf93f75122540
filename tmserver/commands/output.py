"""How commands show tables and JSON: plain text that is good to read, to search and to pipe."""

import json
import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click
from rich.cells import cell_len

from tmlib.experiments.ownership import EXPERIMENT
from tmlib.ledger.job_list import JobLine
from tmlib.ledger.overview import HostLoad

_INDENT = "    "


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows below a title, numbers to the right.

    In a terminal that is too narrow the last cell of a row stands below the others; a file or pipe
    gets one line for each row.

    Parameters
    ----------
    title
        What the rows are.
    columns
        Their headings.
    rows
        What is in the cells; None shows as a dash.
    """
    click.echo(title)
    if not rows:
        click.echo("none")
        return
    lines = [
        [*columns],
        *(["-" if cell in (None, "") else str(cell) for cell in row] for row in rows),
    ]
    widths = [max(map(cell_len, cells)) for cells in zip(*lines, strict=True)]
    of_numbers = [
        all(cell == "-" or cell[0].isdigit() for cell in cells)
        for cells in zip(*lines[1:], strict=True)
    ]
    limit = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for cells in lines:
        padded = []
        for cell, width, is_number in zip(cells, widths, of_numbers, strict=True):
            space = " " * (width - cell_len(cell))
            padded.append(space + cell if is_number else cell + space)
        line = "  ".join(padded).rstrip()
        if limit is None or cell_len(line) <= limit:
            click.echo(line)
            continue
        click.echo("  ".join(padded[:-1]).rstrip())
        click.echo(
            textwrap.fill(cells[-1], limit, initial_indent=_INDENT, subsequent_indent=_INDENT)
        )


def print_hosts(hosts: Sequence[HostLoad]) -> None:
    """Print what hosts with workers do."""
    print_table(
        "Hosts",
        ("HOST", "STATE", "WORKERS", "BUSY", "JOBS", "OVERDUE"),
        [
            (host.name, host.state, host.processes, host.workers, host.running, host.overdue)
            for host in hosts
        ],
    )


def job_dict(job: JobLine) -> dict[str, Any]:
    """A job as JSON shows it; one that is no experiment's has no ``experiment_id``."""
    content = asdict(job)
    number, owner, name = content.pop("id"), content.pop("owner"), content.pop("owner_name")
    is_experiment = owner["kind"] == EXPERIMENT
    return {
        "id": number,
        "experiment_id": owner["id"] if is_experiment else None,
        "experiment": name,
        **content,
    }


def print_json(item: object) -> None:
    """Print a dataclass as one JSON object; times are in UTC, in the form of ISO 8601."""
    content: Any = asdict(item) if not isinstance(item, dict) else item  # type: ignore[call-overload] # a dataclass
    click.echo(json.dumps(content, indent=2, default=_jsonable))


def _jsonable(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} is not JSON")


def duration(seconds: float | None) -> str | None:
    """A time span in the two units that matter."""
    if seconds is None:
        return None
    whole = round(seconds)
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days}d {hours:02d}h"
    if whole >= 3600:
        return f"{hours}h {minutes:02d}m"
    return f"{minutes}m {whole % 60:02d}s" if whole >= 60 else f"{whole}s"
