"""The process that runs a module of a user: two processes, of which one guards the other.

The guard ends the module when its time is over, and also when whoever started it is gone. The
limits are set, and the module is read, only in the process that it guards. Nothing is imported
before that which could have threads.

The folder that both work in has the request, and gets the results:

``request.json``
    The limits, the name of the module, its arguments: ``{"value": ...}``, ``{"array": file}`` or
    ``{"array": file, "largest_label": n}`` for objects of the previous time point.
``results.json``
    ``{"results": {name: ...}}`` with ``{"array": file, "dtype", "shape"}``, ``{"text": file}``,
    ``{"table": file, "columns", "index"}`` or ``{"other": type}``; or ``{"error": text}``. Files
    hold plain bytes, in the order of C.
"""

import importlib.util
import json
import os
import select
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

from tmlib.process_limits import limit_this_process

_MAX_ERROR = 2_000


def main() -> None:
    """Run the request of the current folder; tells on standard output how it ended."""
    request = json.loads(Path("request.json").read_text())
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writer)
    process_id = os.fork()
    if process_id == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _run(request)
    ready, _, _ = select.select([sys.stdin, reader], [], [], request["seconds"])
    if reader in ready:
        _, status = os.waitpid(process_id, 0)
        _say(f"ended {os.waitstatus_to_exitcode(status)}")
    else:
        if not ready:
            _say("timeout")
        os.killpg(0, signal.SIGKILL)


def _say(text: str) -> None:
    os.write(1, text.encode())


def _run(request: dict[str, Any]) -> NoReturn:
    """Run the module, here and now, and end this process."""
    try:
        _redirect()
        memory = request["memory_bytes"]
        limit_this_process(seconds=int(request["seconds"]) + 1, memory=memory, output=memory)
        answer: dict[str, Any] = {"results": _call(request)}
    except MemoryError:
        answer = {"memory": True}
    except BaseException as error:  # noqa: BLE001 - also when it wants to exit, that is no result
        traceback.print_exc()
        answer = {"error": f"{type(error).__name__}: {error}"[:_MAX_ERROR]}
    try:
        Path("results.json").write_text(json.dumps(answer))
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(0)


def _redirect() -> None:
    """Let the module print into files, and read nothing."""
    for number, name, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, "stdout", os.O_WRONLY | os.O_CREAT | os.O_APPEND),
        (2, "stderr", os.O_WRONLY | os.O_CREAT | os.O_APPEND),
    ):
        descriptor = os.open(name, flags, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)


def _call(request: dict[str, Any]) -> dict[str, Any]:
    module = _load(request["module"])
    arguments = {name: _argument(each) for name, each in request["arguments"].items()}
    result = module.main(**arguments)
    if not hasattr(result, "_asdict"):
        raise TypeError(f"main returned {type(result).__name__} instead of its NamedTuple")
    return {
        name: _keep(f"result_{n}", value)
        for n, (name, value) in enumerate(result._asdict().items())
    }


def _load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, f"{name}.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot load {name}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _argument(described: dict[str, Any]) -> object:
    if "array" not in described:
        return described["value"]
    import numpy as np

    array = np.load(described["array"], allow_pickle=False)
    if "largest_label" not in described:
        return array
    from tmlib.jterator.arrays import PreviousObjects

    return PreviousObjects(array, described["largest_label"])


def _keep(file: str, value: Any) -> dict[str, Any]:
    """Write a result into a file, and tell what it is."""
    import numpy as np

    if isinstance(value, str):
        Path(file).write_text(value)
        return {"text": file}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        np.ascontiguousarray(value).tofile(file)
        return {"array": file, "dtype": value.dtype.str, "shape": value.shape}
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(value, pandas.DataFrame):
        value.to_numpy(dtype=np.float64).tofile(file)
        return {
            "table": file,
            "columns": [str(column) for column in value.columns],
            "index": [int(label) for label in value.index],
        }
    other = f"array of {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
    return {"other": other}


if __name__ == "__main__":
    main()
