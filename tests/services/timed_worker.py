"""``tm worker`` with the step of :mod:`tests.services.timed_step` and the census beside it."""

import sys
from typing import Any

from tmserver.command_line import cli
from tmserver.supervisor import pools

_MODULES = ("tests.services.timed_step", "tests.services.census")

_command = pools.command


def _with_step(*arguments: Any, **options: Any) -> list[str]:
    return [
        *_command(*arguments, **options),
        "--include",
        "tests.services.timed_step,tests.services.census",
    ]


if __name__ == "__main__":
    pools.command = _with_step
    cli(["worker", *sys.argv[1:]])
