"""What a job prints, in files without names that also the process which guards it can read."""

import os
import tempfile
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Self

KEPT_BYTES = 200_000
"""How much of the end of each stream the ledger keeps of a job that has ended."""


@dataclass(frozen=True)
class Tail:
    """The end of what was printed to one stream; `start` is the number of bytes before it."""

    text: str = ""
    start: int = 0

    @property
    def end(self) -> int:
        """How many bytes were printed in all."""
        return self.start + len(self.text.encode())

    def after(self, position: int) -> Self:
        """What was printed after so many bytes, as far as it is still here."""
        skipped = max(0, position - self.start)
        text = self.text.encode()[skipped:].decode(errors="ignore")
        return type(self)(text, max(position, self.start))

    def cut(self, limit: int = KEPT_BYTES) -> Self:
        """The last so many bytes, from the beginning of a character on."""
        content = self.text.encode()
        return type(self)(*_whole_characters(content[-limit:], self.end - len(content[-limit:])))


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

    @property
    def sizes(self) -> tuple[int, int]:
        """How many bytes the job has printed so far to each of them."""
        return _size_of(self.stdout), _size_of(self.stderr)

    def clear(self) -> None:
        """Forget what the job before has printed."""
        for file in (self.stdout, self.stderr):
            file.seek(0)
            file.truncate()

    def read(self, limit: int = KEPT_BYTES) -> tuple[Tail, Tail]:
        """The end of what the job has printed so far to standard output and standard error."""
        return _end_of(self.stdout, limit), _end_of(self.stderr, limit)

    def close(self) -> None:
        """Close the files, which removes them."""
        self.stdout.close()
        self.stderr.close()


def _open() -> IO[str]:
    return tempfile.TemporaryFile(
        "w+", buffering=1, encoding="utf-8", errors="backslashreplace", newline=""
    )


def _size_of(file: IO[str]) -> int:
    return os.fstat(file.fileno()).st_size


def _end_of(file: IO[str], limit: int) -> Tail:
    file.flush()
    # without a seek, since processes that share the file also share its position
    start = max(0, _size_of(file) - limit)
    content = os.pread(file.fileno(), limit, start)
    # PostgreSQL's text takes no NUL
    return Tail(*_whole_characters(content.replace(b"\0", b"?"), start))


def _whole_characters(content: bytes, start: int) -> tuple[str, int]:
    """The text in a piece of UTF-8 that may be cut within characters, and where it starts."""
    n_left_over = 0
    while content[n_left_over : n_left_over + 1] and content[n_left_over] & 0xC0 == 0x80:
        n_left_over += 1
    return content[n_left_over:].decode(errors="ignore"), start + n_left_over
