"""Work in several threads that ends soon when one fails, or when the user interrupts it."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


class Cancelled(Exception):  # noqa: N818 - reads as what it is
    """The work of this thread is not wanted any more; users never see it."""


class Cancellation:
    """Tells threads that their work is not wanted any more."""

    def __init__(self) -> None:
        self._event = threading.Event()

    @property
    def is_requested(self) -> bool:
        """Whether threads are to end."""
        return self._event.is_set()

    def request(self) -> None:
        """Make all threads end that look here."""
        self._event.set()

    def check(self) -> None:
        """Go on unless the thread is to end.

        Raises
        ------
        Cancelled
            If it is.
        """
        if self._event.is_set():
            raise Cancelled

    def pause(self, attempt: int) -> None:
        """Wait before a further attempt, longer after each; raises like :meth:`check`."""
        self._event.wait(pause_seconds(attempt))
        self.check()


def pause_seconds(attempt: int) -> float:
    """How long to wait before a further attempt; attempts are counted from 0."""
    return 0.3 * 2.0**attempt if attempt < 6 else 10


def run_in_threads(
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    n_threads: int | None,
    cancellation: Cancellation,
) -> list[Result]:
    """Call a function with each task.

    Parameters
    ----------
    function
        Looks at `cancellation` whenever it may have to wait.
    tasks
        What it is called with.
    n_threads
        How many calls there are at a time; None for what suits the machine.
    cancellation
        Is requested when one call fails, or when the user interrupts all.

    Returns
    -------
    list
        What the calls return, in the order of the tasks.
    """
    with ThreadPoolExecutor(max_workers=n_threads) as pool:
        try:
            # the first ones are at work while others are still handed in
            running = [pool.submit(function, task) for task in tasks]
            for future in as_completed(running):
                future.result()
        except BaseException:  # a keyboard interrupt, for example
            cancellation.request()
            pool.shutdown(cancel_futures=True)
            raise
    return [future.result() for future in running]
