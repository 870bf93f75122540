"""What a job prints, in files without names that also the process which guards it can read."""

import os
import tempfile
from types import TracebackType
from typing import IO, Self

_KEPT_BYTES = 200_000


class Output:
    """Standard output and standard error of one job after the other."""

    def __init__(self) -> None:
        self.stdout = _open()
        self.stderr = _open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def descriptors(self) -> tuple[int, int]:
        """Of the two files."""
        return self.stdout.fileno(), self.stderr.fileno()

    def clear(self) -> None:
        """Forget what the job before has printed."""
        for file in (self.stdout, self.stderr):
            file.seek(0)
            file.truncate()

    def read(self) -> tuple[str, str]:
        """The end of what the job has printed so far to standard output and standard error."""
        return _end_of(self.stdout), _end_of(self.stderr)

    def close(self) -> None:
        """Close the files, which removes them."""
        self.stdout.close()
        self.stderr.close()


def _open() -> IO[str]:
    return tempfile.TemporaryFile(
        "w+", buffering=1, encoding="utf-8", errors="backslashreplace", newline=""
    )


def _end_of(file: IO[str]) -> str:
    file.flush()
    # without a seek, since processes that share the file also share its position
    start = max(0, os.fstat(file.fileno()).st_size - _KEPT_BYTES)
    return os.pread(file.fileno(), _KEPT_BYTES, start).decode(errors="replace")
