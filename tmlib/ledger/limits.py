"""What one job may take: time, memory, cores."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
)


@dataclass(frozen=True)
class Limits:
    """The limits of one job.

    Attributes
    ----------
    seconds
        How long it may take.
    memory
        Resident memory that the process which runs it and all that it started may have, in MB.
    cores
        How many threads its libraries may use.
    """

    seconds: int = 6 * 60 * 60
    memory: int = 8000
    cores: int = 1

    def broken_by(self, seconds: float, memory: int) -> str | None:
        """Which limit a job is beyond: the name of its argument, with the limit and the use."""
        if seconds > self.seconds:
            taken, allowed = timedelta(seconds=round(seconds)), timedelta(seconds=self.seconds)
            return f'it took {taken}, its limit "duration" is {allowed}'
        if memory > self.memory:
            return f'it used {memory} MB of memory, its limit "memory" is {self.memory} MB'
        return None


@contextlib.contextmanager
def limited_threads(cores: int) -> Iterator[None]:
    """Let libraries that compute, in this process and in those it starts, use so many threads."""
    import pyarrow as pa

    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    arrow_before = pa.cpu_count()
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, str(cores)))
    pa.set_cpu_count(cores)
    try:
        with _libraries(cores).limit(limits=cores):
            yield
    finally:
        pa.set_cpu_count(arrow_before)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@lru_cache(maxsize=1)
def _libraries(cores: int) -> "ThreadpoolController":
    """The libraries of this process that have threads.

    It takes milliseconds to find them. Those that are loaded later look at the environment when
    they are, so they only have to be found when the number changes.
    """
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
