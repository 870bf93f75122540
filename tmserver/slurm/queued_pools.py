"""Keeps as many pools of workers in Slurm's queue as are wanted."""

import getpass
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tmlib.errors import BadInput, Unavailable

SCRIPT = Path(__file__).with_name("worker.sbatch")
"""The job script that is used unless another one is named."""

NAME = "tmserver-worker"

_ENDING = "ending"
_FIELDS = ("%i", "%T", "%M", "%N", "%r", "%k")  # the comment stands last: it may be anything
_SECONDS = 60


@dataclass(frozen=True)
class Pool:
    """A pool of workers as Slurm's queue shows it.

    Attributes
    ----------
    job_id
        Slurm's id, of the form ``array_task``.
    state
        Slurm's word for it, ``PENDING`` or ``RUNNING`` mostly.
    is_ending
        Whether it was told to take nothing new and to end.
    time
        How long it has been running, as Slurm writes it.
    node
        Where it runs; empty while it waits.
    reason
        Why it waits, in Slurm's word.
    """

    job_id: str
    state: str
    is_ending: bool
    time: str
    node: str
    reason: str

    @property
    def is_waiting(self) -> bool:
        """Whether it has not been started."""
        return self.state == "PENDING"


@dataclass(frozen=True)
class Change:
    """What was done to reach a number of pools."""

    wanted: int
    before: int
    submitted: int
    ended: tuple[str, ...]


def list_pools(name: str = NAME) -> list[Pool]:
    """The pools that are in Slurm's queue, in the order of their start there.

    Raises
    ------
    Unavailable
        If Slurm is not there or does not answer.
    """
    lines = _run(
        *("squeue", "--noheader", "--array", "--name", name, "--user", getpass.getuser()),
        *("--sort", "i", "--format", "|".join(_FIELDS)),
    ).splitlines()
    pools = []
    for line in lines:
        job_id, state, time, node, reason, comment = line.split("|", len(_FIELDS) - 1)
        is_ending = comment == _ENDING or state == "COMPLETING"
        pools.append(Pool(job_id, state, is_ending, time, node, "" if node else reason))
    return pools


def scale(
    wanted: int, *, name: str = NAME, script: Path = SCRIPT, options: Sequence[str] = ()
) -> Change:
    """Submit pools that are missing, or end those that are too many.

    Of those, the ones that wait for a node are cancelled first. Running ones get the signal that
    lets a pool end the jobs that it has.

    Parameters
    ----------
    wanted
        How many pools there shall be, waiting or running.
    name
        Which pools.
    script
        What one of them does.
    options
        Of ``sbatch``, which overrule those in the script.

    Raises
    ------
    BadInput
        If Slurm refuses what is to be submitted.
    Unavailable
        If Slurm is not there or does not answer.
    """
    pools = [pool for pool in list_pools(name) if not pool.is_ending]
    missing = wanted - len(pools)
    if missing > 0:
        _submit(missing, name, script, options)
        return Change(wanted, len(pools), missing, ())
    # False sorts before True: waiting ones stand last, and of each kind the youngest
    pools.sort(key=lambda pool: pool.is_waiting)
    surplus = pools[wanted:]
    for pool in reversed(surplus):
        _end(pool)
    return Change(wanted, len(pools), 0, tuple(pool.job_id for pool in surplus))


def _submit(count: int, name: str, script: Path, options: Sequence[str]) -> None:
    # the script finds the `tm` of this installation, wherever that is
    folder = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    arguments = ("--parsable", "--job-name", name, "--array", f"1-{count}", *options, str(script))
    _run("sbatch", *arguments, environment=environment, refusal=BadInput)


def _end(pool: Pool) -> None:
    if pool.is_waiting and _is_held(pool):
        _run("scancel", pool.job_id)
        return
    _run("scontrol", "update", f"JobId={pool.job_id}", f"Comment={_ENDING}")
    # a signal for the script alone; Slurm's own way to cancel kills it half a minute later
    _run("scancel", "--signal", "TERM", "--batch", pool.job_id)


def _is_held(pool: Pool) -> bool:
    """Keep a pool from being started; False if it has been meanwhile."""
    try:
        _run("scontrol", "hold", pool.job_id)
    except Unavailable:
        return False
    return True


def _run(
    program: str,
    *arguments: str,
    environment: dict[str, str] | None = None,
    refusal: type[BadInput] | type[Unavailable] = Unavailable,
) -> str:
    if shutil.which(program) is None:
        raise Unavailable(
            f"There is no {program} on this machine: run this where Slurm's commands are installed."
        )
    try:
        done = subprocess.run(  # noqa: S603 - Slurm's programs, without a shell
            [program, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(
            f"Slurm has not answered {program} for {_SECONDS} seconds: see whether its controller "
            "runs (`scontrol ping`)."
        ) from None
    if done.returncode:
        raise refusal(f"Slurm refused {program}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
