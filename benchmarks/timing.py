"""Time that functions take, and tables of it."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

Result = TypeVar("Result")

_RUNS = 5
_LONG_ENOUGH = 10.0


def seconds(function: Callable[[], object]) -> float:
    """Least processor time of a few runs; of fewer, at least one, if they take long."""
    return timed(function)[1]


def timed(function: Callable[[], Result]) -> tuple[Result, float]:
    """As `seconds`, after what the function returns."""
    times: list[float] = []
    while len(times) < _RUNS and sum(times) < _LONG_ENOUGH:
        start = time.process_time()
        result = function()
        times.append(time.process_time() - start)
    return result, min(times)


def readable(duration: float) -> str:
    """Seconds with three digits, as s or ms."""
    return f"{duration:.3g} s" if duration >= 1 else f"{duration * 1000:.3g} ms"


def print_row(cells: Sequence[str]) -> None:
    """Print a row of a Markdown table."""
    print("| " + " | ".join(cells) + " |", flush=True)


def print_header(cells: Sequence[str]) -> None:
    """Print the first rows of a Markdown table."""
    print()
    print_row(cells)
    print_row(["---"] * len(cells))
