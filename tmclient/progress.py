"""Watching a workflow: a bar per step in a terminal, a line per change elsewhere."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from tmclient.client import TmClient
from tmclient.errors import ResourceError, ServerUnreachable

_PATIENCE_SECONDS = 60
"""How many seconds a server may be unreachable, during a restart for example."""


@dataclass(frozen=True)
class StepStatus:
    """Status of a step.

    Attributes
    ----------
    name, state
        As the server calls them.
    n_jobs, n_done, n_failed, n_skipped
        Number of jobs so far, of those that have ended, that have failed, and that were skipped
        because their results are current.
    time
        Duration of the step, as text; None before its end.
    errors
        Why jobs failed.
    """

    name: str
    state: str
    n_jobs: int
    n_done: int
    n_failed: int
    n_skipped: int
    time: str | None
    errors: tuple[str, ...]

    @classmethod
    def from_task(cls, task: dict[str, Any]) -> Self:
        """Read a step's part of the status tree."""
        return cls(
            name=task["name"],
            state=task["state"],
            n_jobs=task["n_jobs"],
            n_done=task["n_jobs_done"],
            n_failed=task["n_jobs_failed"],
            n_skipped=task.get("n_jobs_skipped", 0),
            time=task["time"],
            errors=tuple(task.get("errors", ())),
        )

    @property
    def outcome(self) -> str:
        """The state in one word for users."""
        if self.n_failed:
            return "failed"
        words = {"NEW": "waiting", "SUBMITTED": "waiting", "TERMINATED": "done"}
        word = words.get(self.state, self.state.lower())
        return f"{word}, {self.n_skipped} skipped" if self.n_skipped else word


def step_statuses(status: dict[str, Any]) -> list[StepStatus]:
    """All steps of a status tree, in their order."""
    return [
        StepStatus.from_task(step) for stage in status["subtasks"] for step in stage["subtasks"]
    ]


def watch_workflow(client: TmClient, console: Console, interval: float = 0.5) -> dict[str, Any]:
    """Show how the workflow proceeds until it has ended.

    Parameters
    ----------
    client
        Asked for the status again and again.
    console
        Where the progress is shown.
    interval
        Seconds between two requests.

    Returns
    -------
    dict
        The status at the end.
    """
    show = _Bars(console) if console.is_terminal else _Lines(console)
    with show:
        for status in _poll(client, interval):
            for step in step_statuses(status):
                show.update(step)
    return status


def _poll(client: TmClient, interval: float) -> Iterator[dict[str, Any]]:
    """Request the status repeatedly, until the workflow has ended."""
    answered = time.monotonic()
    while True:
        try:
            status = client.workflow.get_status()
        except ServerUnreachable:
            if time.monotonic() - answered > _PATIENCE_SECONDS:
                raise
        else:
            if status is None:
                raise ResourceError("No workflow of this experiment was submitted yet.")
            answered = time.monotonic()
            yield status
            if status["done"]:
                return
        time.sleep(interval)


class _TimeColumn(TimeElapsedColumn):
    """Duration of a step; while it runs, how long it has been watched."""

    def render(self, task: Task) -> Text:
        taken = task.fields["time"]
        return super().render(task) if taken is None else Text(taken, style="progress.elapsed")


class _Bars:
    """A bar per step."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("  {task.description:12}"),
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            TextColumn("{task.fields[outcome]:8}"),
            _TimeColumn(),
            console=console,
        )
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def update(self, step: StepStatus) -> None:
        """Update the bar of a step."""
        if step.name not in self._bars:
            self._bars[step.name] = self._progress.add_task(
                step.name, start=False, total=None, outcome="", time=None
            )
        bar = self._bars[step.name]
        if step.outcome != "waiting":
            self._progress.start_task(bar)
        self._progress.update(
            bar,
            completed=step.n_done,
            total=max(step.n_jobs, 1) if step.state == "TERMINATED" else step.n_jobs or None,
            outcome=step.outcome,
            time=step.time,
        )
        if step.state == "TERMINATED":
            self._progress.stop_task(bar)


class _Lines:
    """Prints a line whenever a step has started, progressed or ended."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def update(self, step: StepStatus) -> None:
        """Print the status of a step if it has changed."""
        if step.outcome == "waiting":
            return
        line = f"  {step.name:12} {step.n_done:>5}/{step.n_jobs} jobs  {step.outcome}"
        if line != self._shown.get(step.name):
            self._shown[step.name] = line
            self._console.print(line, highlight=False, soft_wrap=True)
