"""What one job may take: time, memory, cores."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

from tmlib.workflow.arguments import SUBMISSION_ARGUMENTS, Value

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

_DEFAULTS: dict[str, Value] = {argument.name: argument.default for argument in SUBMISSION_ARGUMENTS}

# as in the original; the arguments of a step are about the jobs that its batches are done by
_LONGEST = {"init": "12:00:00", "collect": "06:00:00"}

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

    seconds: int
    memory: int
    cores: int

    @classmethod
    def of(cls, description: dict[str, Any], step_name: str, phase: str) -> Self:
        """The limits of a job of a workflow, or the default ones for other work.

        Init and collect jobs are not given less than the default, whatever a batch may take:
        they do the work of the whole step.

        Parameters
        ----------
        description
            What was submitted.
        step_name, phase
            Whose job it is.
        """
        given = {
            argument["name"]: argument["value"]
            for stage in description.get("stages", [])
            for step in stage["steps"]
            if step["name"] == step_name
            for argument in step["submission_args"]
            if argument["value"] is not None
        }
        values = _DEFAULTS | given
        limits = cls(_seconds(str(values["duration"])), int(values["memory"]), int(values["cores"]))
        if phase == "run":
            return limits
        return cls(
            max(limits.seconds, _seconds(_LONGEST[phase])),
            max(limits.memory, int(str(_DEFAULTS["memory"]))),
            limits.cores,
        )

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


def _seconds(duration: str) -> int:
    hours, minutes, seconds = (int(part) for part in duration.split(":"))
    return (60 * hours + minutes) * 60 + seconds
