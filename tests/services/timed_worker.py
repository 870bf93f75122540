"""``tm worker`` whose pools have the step of :mod:`tests.services.timed_step`."""

import sys
from typing import Any

from tmserver.command_line import cli
from tmserver.supervisor import pools

_command = pools.command


def _with_step(*arguments: Any, **options: Any) -> list[str]:
    return [*_command(*arguments, **options), "--include", "tests.services.timed_step"]


if __name__ == "__main__":
    pools.command = _with_step
    cli(["worker", *sys.argv[1:]])
