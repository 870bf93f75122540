"""A queue of messages that needs no server: a folder in which each message is a file.

It is what carries ids of jobs on a single machine. A message appears by renaming, complete or not
at all, and is taken by whoever succeeds in removing its file, so no process holds a lock that it
could die with. Nothing is synced to disk: the ledger knows what was on a queue.
"""

import secrets
import time
from pathlib import Path

from tmlib import durable_files

_DRAFT = "."


class FileQueue:
    """A queue of messages, first in, first out.

    Parameters
    ----------
    folder
        Its messages; created when the first one comes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, message: bytes) -> None:
        """Add a message at the end."""
        # what two processes put at the same time has no order
        name = f"{time.time_ns():020}-{secrets.token_hex(4)}"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        durable_files.write(self._folder / name, message, sync="none")

    def take(self) -> bytes | None:
        """Remove the first message and give it to this process alone; None if there is none."""
        for name in self._names():
            file = self._folder / name
            try:
                message = file.read_bytes()
                file.unlink()
            except FileNotFoundError:
                continue
            return message
        return None

    def size(self) -> int:
        """How many messages wait."""
        return len(self._names())

    def purge(self) -> int:
        """Remove all messages; gives their number."""
        n = 0
        while self.take() is not None:
            n += 1
        return n

    def _names(self) -> list[str]:
        try:
            names = [file.name for file in self._folder.iterdir()]
        except FileNotFoundError:
            return []
        return sorted(name for name in names if not name.startswith(_DRAFT))


def remove_drafts(folder: Path) -> None:
    """Remove what killed processes were about to put on the queues in a folder.

    To be called while nobody uses them.
    """
    for draft in folder.glob(f"*/{_DRAFT}*"):
        draft.unlink()
