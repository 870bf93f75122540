"""Which of its jobs a process works on, in memory that its guard reads too."""

import mmap
import struct
import time
from typing import NamedTuple

import psutil


class Place(NamedTuple):
    """Where a process is with the jobs that it holds; moments are of the monotonic clock.

    Attributes
    ----------
    job_id
        The job that has begun last.
    is_in_work
        Whether it has not ended.
    began
        When its work did.
    first_began
        When the work did of the first job that has ended since, but not in the ledger: this one's,
        if there is none.
    resident
        Bytes of memory that the process had then.
    """

    job_id: int
    is_in_work: bool
    began: float
    first_began: float
    resident: int


class Position:
    """The place of this process, which it shares with the processes that it forks."""

    _FORM = struct.Struct("=q?ddq")

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, self._FORM.size)
        self._process = psutil.Process()

    def begin(self, job_id: int, first_began: float | None = None) -> None:
        """Tell that the work on a job begins."""
        # measured here, as the job may take more before the guard comes to look
        resident = self._process.memory_info().rss
        began = time.monotonic()
        self._write(
            Place(
                job_id=job_id,
                is_in_work=True,
                began=began,
                first_began=began if first_began is None else first_began,
                resident=resident,
            )
        )

    def end(self) -> None:
        """Tell that the work on the job has ended."""
        self._write(self.read()._replace(is_in_work=False))

    def read(self) -> Place:
        """The place of the process."""
        # the other process may be in the middle of writing it
        while (found := self._memory[:]) != self._memory[:]:
            pass
        return Place(*self._FORM.unpack(found))

    def _write(self, place: Place) -> None:
        self._memory[:] = self._FORM.pack(*place)
