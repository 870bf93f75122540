"""Runs a module of a user in a process of its own, with limits on its time and memory.

The process gets a clean environment, a folder of its own that is removed afterwards, and arrays
as files of numbers; nothing that it gives back is trusted. It runs as the same user of the
operating system as the worker, so what that user can read, a module can read.
"""

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tmlib.errors import Forbidden
from tmlib.jterator.arrays import PreviousObjects
from tmlib.jterator.errors import ModuleError
from tmlib.jterator.modules.registry import Module
from tmlib.settings import Settings

_MAX_BYTES = 2 * 1024**3
_MAX_LOG = 20_000
_KINDS = {
    "Measurement": ("table", "a DataFrame"),
    "Figure": ("text", "a string"),
    "Image": ("array", "an array"),
}


def check_allowed(sources: Mapping[str, str], settings: Settings) -> None:
    """Make sure that a project brings no modules where they must not run.

    Raises
    ------
    Forbidden
        If it does.
    """
    if sources and not settings.allow_user_modules:
        raise Forbidden(
            f'The project brings the module "{min(sources)}", but this installation runs shipped '
            "modules only: leave it out, or ask the administrator to set TM_ALLOW_USER_MODULES."
        )


@dataclass(frozen=True)
class Sandbox:
    """Where modules of users run.

    Attributes
    ----------
    seconds
        How long a module may take for one site, by the clock and of the processor.
    memory_mb
        Address space that it may have, in MB.
    """

    seconds: float
    memory_mb: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The sandbox with the limits of an installation."""
        return cls(settings.user_module_seconds, settings.user_module_memory_mb)

    def run(self, module: Module, arguments: Mapping[str, Any]) -> SimpleNamespace:
        """Run a module once.

        Parameters
        ----------
        module
            A module with its source.
        arguments
            Arrays, plain values and objects of the previous time point, by name.

        Returns
        -------
        SimpleNamespace
            The results by name.

        Raises
        ------
        ModuleError
            If it fails, takes too long, needs too much memory or gives something else than it
            declares; says why and what to do.
        """
        with tempfile.TemporaryDirectory(prefix="tm-module-", ignore_cleanup_errors=True) as path:
            folder = Path(path)
            self._write_request(folder, module, arguments)
            ending = _run_process(folder)
            _pass_on(folder)
            return self._read_results(folder, module, ending)

    def _write_request(self, folder: Path, module: Module, arguments: Mapping[str, Any]) -> None:
        (folder / f"{module.name}.py").write_bytes(str(module.source).encode())
        request = {
            "module": module.name,
            "seconds": self.seconds,
            "memory_bytes": self.memory_mb * 2**20,
            "arguments": {
                name: _describe(folder, n, value)
                for n, (name, value) in enumerate(arguments.items())
            },
        }
        (folder / "request.json").write_text(json.dumps(request))

    def _read_results(self, folder: Path, module: Module, ending: str) -> SimpleNamespace:
        if ending in ("timeout", f"ended {-signal.SIGXCPU}"):
            raise ModuleError(
                f"it took longer than the {self.seconds:g} seconds that a module of a user may "
                "take for one site; make it faster, or ask the administrator to raise "
                "TM_USER_MODULE_SECONDS."
            )
        answer = _read_answer(folder, ending)
        if "memory" in answer:
            raise ModuleError(
                f"it needs more than the {self.memory_mb} MB of memory that a module of a user may "
                "have; let it use less, or ask the administrator to raise "
                "TM_USER_MODULE_MEMORY_MB."
            )
        if "error" in answer:
            reason = _storable(str(answer["error"]))
            raise ModuleError(f"{reason} (the log of the job has the traceback)")
        results = answer.get("results")
        if not isinstance(results, dict):
            _refuse("it gave no results that can be read")
        return SimpleNamespace(
            **{
                name: _read_result(folder, name, module.output_type(name), results.get(name))
                for name in module.results
            }
        )


def _describe(folder: Path, n: int, value: Any) -> dict[str, Any]:
    """How the request has an argument; arrays go into files."""
    described: dict[str, Any] = {}
    if isinstance(value, PreviousObjects):
        described["largest_label"] = value.largest_label
        value = value.labels
    if not isinstance(value, np.ndarray):
        return {"value": value}
    file = f"argument_{n}.npy"
    np.save(folder / file, value, allow_pickle=False)
    return described | {"array": file}


def _run_process(folder: Path) -> str:
    """Run the request of a folder to its end; what the guard said of it."""
    with subprocess.Popen(
        [sys.executable, "-I", "-B", "-m", "tmlib.jterator.user_modules.process"],
        cwd=folder,
        env=_environment(folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - narrows the type for the checker
            return process.stdout.read(100).decode(errors="replace")
        finally:
            # the guard, the module and all that it started, as long as the guard is not reaped
            os.killpg(process.pid, signal.SIGKILL)


def _environment(folder: Path) -> dict[str, str]:
    """Nothing of this process's own environment, which has secrets; one thread each."""
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        **dict.fromkeys(threads, "1"),
    }


def _pass_on(folder: Path) -> None:
    """Let the log of the job have the end of what the module printed."""
    for name, stream in (("stdout", sys.stdout), ("stderr", sys.stderr)):
        with contextlib.suppress(OSError, ValueError):
            stream.write(_storable(_read_bytes(folder / name)[-_MAX_LOG:].decode(errors="replace")))


def _read_answer(folder: Path, ending: str) -> dict[str, Any]:
    try:
        answer = json.loads(_read_bytes(folder / "results.json"))
    except FileNotFoundError:
        _refuse(f"its process {_describe_ending(ending)} without a result")
    except (OSError, ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        _refuse("it gave no results that can be read")
    return answer


def _describe_ending(ending: str) -> str:
    code = ending.removeprefix("ended -")
    if code.isdecimal() and int(code) in set(signal.Signals):
        return f"was ended by {signal.Signals(int(code)).name}"
    return ending or "was killed"


def _read_result(folder: Path, name: str, output_type: str, described: Any) -> Any:
    """A result, if it is of the kind that the module declares."""
    if not isinstance(described, dict):
        _refuse(f'it gave no result "{name}"')
    kind, wanted = _KINDS[output_type]
    if not isinstance(described.get(kind), str):
        found = described.get("other", "something else")
        _refuse(f'its result "{name}" should be {wanted}, but it is of type {found}')
    try:
        content = _read_bytes(folder / Path(described[kind]).name)
        if kind == "text":
            return content.decode()
        if kind == "array":
            return _array(content, described["dtype"], described["shape"])
        return _table(content, described["columns"], described["index"])
    except (KeyError, TypeError, ValueError, OverflowError, OSError) as error:
        _refuse(f'its result "{name}" cannot be used: {error}')


def _array(content: bytes, dtype: str, shape: list[int]) -> NDArray[Any]:
    numbers = np.dtype(dtype)
    if numbers.kind not in "biuf":
        raise ValueError(f"it has values of type {numbers}, not numbers")
    # a copy that can be written; any byte but 0 is true, however the module made it
    array = np.frombuffer(bytearray(content), np.uint8 if numbers.kind == "b" else numbers)
    return (array != 0 if numbers.kind == "b" else array).reshape(shape)


def _table(content: bytes, columns: list[str], index: list[int]) -> pd.DataFrame:
    if len(set(index)) < len(index):
        raise ValueError("it has several rows for one label")
    if not all(column.isprintable() for column in columns):
        raise ValueError("it has a column whose name cannot be printed")
    if len(set(columns)) < len(columns):
        raise ValueError("it has several columns of one name")
    values = _array(content, "<f8", [len(index), len(columns)])
    labels = pd.Index(np.array(index, np.int64), name="label")
    return pd.DataFrame(values, index=labels, columns=[str(column) for column in columns])


def _read_bytes(file: Path) -> bytes:
    """What is in a regular file; the module may have put something else there."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as opened:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_BYTES:
            raise ValueError(f"it is no file of at most {_MAX_BYTES} bytes")
        return opened.read()


def _storable(text: str) -> str:
    """Text that any database takes."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def _refuse(reason: str) -> NoReturn:
    raise ModuleError(f"{reason}; correct the module, the log of the job has what it printed.")
