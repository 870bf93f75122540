"""Ends processes when whoever has started them is gone, whatever way that went.

What is killed cannot tidy up. So it keeps one end of a pipe, and a thread of each process that it
has started waits at the other: the kernel closes it in any case. That is so on every system, and
needs no further process that could be killed as well.
"""

import contextlib
import os
import signal
import threading

_VARIABLE = "TMSERVER_LIFELINE"


class Lifeline:
    """The end that is kept. What is started with it has to call `follow`.

    Attributes
    ----------
    descriptor
        The other end, which a process that is started must inherit.
    environment
        What must be in its environment.
    """

    def __init__(self) -> None:
        self.descriptor, self._kept = os.pipe()
        self.environment = {_VARIABLE: str(self.descriptor)}

    def close(self) -> None:
        """Let go; what still follows is killed."""
        os.close(self._kept)
        os.close(self.descriptor)


def follow() -> None:
    """Have the group of this process killed when whoever has started it is gone.

    Does nothing in processes that were not started with a lifeline.
    """
    number = os.environ.get(_VARIABLE)
    if number is not None:
        threading.Thread(target=_wait, args=(int(number),), name="lifeline", daemon=True).start()


def _wait(descriptor: int) -> None:
    # nobody writes: this returns when the other end is closed
    with contextlib.suppress(OSError):
        os.read(descriptor, 1)
        os.killpg(os.getpgrp(), signal.SIGKILL)
