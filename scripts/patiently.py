"""Run a command that takes its time: ``patiently.py MESSAGE COMMAND [ARGUMENT ...]``.

Shows that it goes on, and what it has printed only if it fails. A terminal gets one line that
changes, a file a line every half minute. Needs nothing but Python's own library.
"""

import contextlib
import shutil
import subprocess
import sys
import tempfile
import time

_LOOK_SECONDS = 0.5
_LINE_SECONDS = 30.0


def main(message: str, command: list[str]) -> int:
    """Run the command; gives its exit code."""
    with tempfile.TemporaryFile("w+b") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        started = time.monotonic()
        try:
            _watch(process, message, started)
        except KeyboardInterrupt:
            # the command has had the same signal
            process.wait()
            print()
            return 130
        if process.returncode:
            output.seek(0)
            print(output.read().decode(errors="replace"), file=sys.stderr)
    return process.returncode


def _watch(process: "subprocess.Popen[bytes]", message: str, started: float) -> None:
    is_terminal = sys.stdout.isatty()
    if not is_terminal:
        print(f"{message} ...", flush=True)
    next_line = started + _LINE_SECONDS
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK_SECONDS)
        now = time.monotonic()
        is_over = process.returncode is not None
        if is_terminal:
            width = shutil.get_terminal_size().columns
            line = f"{message} ... {_elapsed(now - started)}"[: width - 1]
            print(f"\r{line}", end="\n" if is_over else "", flush=True)
        elif now >= next_line and not is_over:
            print(f"  {_elapsed(now - started)} so far", flush=True)
            next_line += _LINE_SECONDS
        if is_over:
            return


def _elapsed(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
