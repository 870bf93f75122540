"""A Slurm of the tests' own: one machine that is controller and node at once."""

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.services.postgresql import free_port

START_SECONDS = 60
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel")

# It pretends to have more processors than the machine: the jobs of a test do hardly anything.
# KillWait is short, so that a pool which Slurm itself were to end would be cut off.
_CONFIGURATION = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=1
NodeName={host} NodeAddr=127.0.0.1 CPUs=16 RealMemory=64000
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


class SlurmMissing(Exception):  # noqa: N818 - reads as what it is
    """Slurm cannot run here; the message says why."""


@contextmanager
def running_slurm(folder: Path) -> Iterator[dict[str, str]]:
    """Run Slurm; gives the environment variables with which its commands find it."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        raise SlurmMissing(
            f"there is no {missing[0]} on this machine: install Slurm (on Debian and Ubuntu "
            "slurm-wlm and munge)"
        )
    if os.geteuid() != 0:
        raise SlurmMissing("only root may run Slurm's daemons")
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(64))
    key.chmod(0o400)
    configuration = folder / "slurm.conf"
    configuration.write_text(
        _CONFIGURATION.format(
            folder=folder,
            host=socket.gethostname().partition(".")[0],
            controller_port=free_port(),
            node_port=free_port(),
        )
    )
    variables = {"SLURM_CONF": str(configuration)}
    files = {name: folder / f"munge.{name}" for name in ("socket", "pid", "log", "seed")}
    munged = [
        *("munged", "--foreground", "--force", f"--key-file={key}"),
        *(f"--{name}{'' if name == 'socket' else '-file'}={file}" for name, file in files.items()),
    ]
    with ExitStack() as stack:
        for command in (munged, ["slurmctld", "-D"], ["slurmd", "-D"]):
            stack.enter_context(_running(command, variables, folder / f"{command[0]}.log"))
        _wait_until_idle(variables, folder)
        yield variables


@contextmanager
def _running(command: list[str], variables: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=os.environ | variables, stdout=output, stderr=output
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_idle(variables: dict[str, str], folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        answer = subprocess.run(
            ["sinfo", "--noheader", "--format=%T"],
            env=os.environ | variables,
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.stdout.strip() == "idle":
            return
        time.sleep(0.1)
    logs = "\n".join(path.read_text(errors="replace") for path in folder.glob("*.log"))
    raise SlurmMissing(f"Slurm did not start:\n{logs}")
