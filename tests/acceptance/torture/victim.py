"""The installation that suffers: its processes, its database, its queue and its disk."""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import redis
import requests
from sqlalchemy import func, select

from tests.services import installation as installations
from tests.services.installation import Installation, is_running
from tests.services.postgresql import PrivateServer, execute, free_port, private_server
from tests.services.redis import PrivateRedis
from tests.services.small_disk import NoSmallDisk, small_disk
from tmlib.db import Database
from tmlib.ledger.file_queue import FileQueue
from tmlib.ledger.models import Job, State, WorkerPool
from tmlib.ledger.queue import JOB_QUEUE
from tmlib.settings import Settings
from workers.queue import CeleryQueue

LEASE_SECONDS = 2
WAIT_SECONDS = 120

_DATABASE = "tortured"
_DISK_MEGABYTES = 96
_PROCESSES = 2

# Everything that takes its time in earnest is quick here. A job may be hit by every fault of a
# run, and one that is hit must not run out of attempts.
_ENVIRONMENT = {
    "TM_LEASE_SECONDS": str(LEASE_SECONDS),
    "TM_RETRY_SECONDS": "0.5",
    "TM_MAX_ATTEMPTS": "10",
    "TM_IDLE_WRITER_SECONDS": "5",
}


class Victim:
    """An installation in one of the two profiles, whose parts can be broken and mended.

    Attributes
    ----------
    installation
        What runs at the moment.
    database
        The test's own look into the ledger.
    postgresql, redis
        Servers of the cluster profile; None in the embedded one.
    disk
        A small disk that has the data folder, None where there can be none.
    """

    def __init__(
        self,
        folder: Path,
        disk: Path | None,
        postgresql: PrivateServer | None,
        redis_server: PrivateRedis | None,
    ) -> None:
        self.postgresql = postgresql
        self.redis = redis_server
        self.disk = disk
        data_dir = (disk or folder) / "data"
        url = f"sqlite:///{data_dir / 'tmserver.db'}"
        self._environment = environment = dict(_ENVIRONMENT)
        if postgresql is not None and redis_server is not None:
            execute(postgresql.url, f"CREATE DATABASE {_DATABASE}")
            url = postgresql.url.set(database=_DATABASE).render_as_string(hide_password=False)
            environment["TM_BROKER_URL"] = redis_server.url
        self._start = lambda port: installations.start(data_dir, url, port, _PROCESSES, environment)
        self.installation: Installation = self._start(free_port())
        self.database = Database(url)

    @property
    def name(self) -> str:
        """Which profile it is."""
        return "embedded" if self.postgresql is None else "cluster"

    @property
    def settings(self) -> Settings:
        """What the processes of the installation are configured with."""
        return Settings(
            data_dir=self.installation.data_dir,
            database_url=self.installation.database_url,
            broker_url=None if self.redis is None else self.redis.url,
            lease_seconds=LEASE_SECONDS,
        )

    def drop_messages(self) -> bool:
        """Take half of the messages that wait off the queue; False if there was none."""
        n = max(1, CeleryQueue(self.settings).depth() // 2)
        if self.redis is None:
            queue = FileQueue(self.settings.queue_dir / JOB_QUEUE)
            return sum(queue.take() is not None for _ in range(n)) > 0
        with redis.Redis.from_url(self.redis.url) as broker:
            return bool(broker.lpop(JOB_QUEUE, n))

    def drop_queue(self) -> bool:
        """Forget all messages, also those that a Redis takes to be in work."""
        if self.redis is None:
            return bool(FileQueue(self.settings.queue_dir / JOB_QUEUE).purge())
        with redis.Redis.from_url(self.redis.url) as broker:
            return bool(broker.delete(JOB_QUEUE, "unacked", "unacked_index"))

    def start_worker(self, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start ``tm worker`` beside the pools that there are, as on another host."""
        running = self.installation
        variables = installations.clean_environment(running.data_dir, running.database_url)
        command = [sys.executable, "-m", "tmserver", "worker", "--grace", "1"]
        with running.log.open("ab") as output:
            return subprocess.Popen(
                [*command, "--processes", "1", "--interactive-processes", "0"],
                env=variables | self._environment | dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def count_pools(self) -> int:
        """How many pools take jobs of workflows, as they tell the ledger."""
        with self.database.session() as session:
            of_jobs = select(func.count()).where(WorkerPool.queue == JOB_QUEUE)
            return session.execute(of_jobs).scalar_one()

    def oldest(self, *words: str) -> psutil.Process | None:
        """The process that the supervisor itself started with these words, if it is there."""
        supervisor = psutil.Process(self.installation.process.pid)
        for child in supervisor.children():
            line = _command_line(child)
            if all(word in line for word in words):
                return child
        return None

    def pool(self) -> psutil.Process | None:
        """The parent of the processes that run the jobs of workflows."""
        return self.oldest("celery", "--queues jobs")

    def pool_processes(self) -> list[psutil.Process]:
        """The processes that run the jobs of workflows, without their guards."""
        pool = self.pool()
        return [] if pool is None else _children(pool)

    def busy_processes(self) -> list[psutil.Process]:
        """Those that run a job, as the ledger says."""
        with self.database.session() as session:
            workers = session.scalars(select(Job.worker).where(Job.state == State.RUNNING)).all()
        numbers = {
            int(found[1]) for worker in workers if (found := re.search(r":(\d+)$", worker or ""))
        }
        return [process for process in self.pool_processes() if process.pid in numbers]

    def restart(self) -> None:
        """Start the supervisor again after it has ended, and again if the machine is too busy."""
        port = int(self.installation.url.rpartition(":")[2])
        for is_last in (False, False, True):
            self.installation = self._start(port)
            try:
                installations.wait_until_ready(self.installation)
            except RuntimeError:
                self.installation.process.kill()
                self.installation.process.wait()
                if is_last:
                    raise
            else:
                return

    def wait_until_calm(self) -> None:
        """Wait until everything runs again and nobody is stopped."""
        await_that(self._is_calm, "the installation to run again")

    def _is_calm(self) -> bool:
        if not self.pool_processes():
            return False
        try:
            return requests.get(f"{self.installation.url}/readyz", timeout=5).ok
        except requests.RequestException:
            return False


@contextmanager
def running_victim(folder: Path, profile: str) -> Iterator[Victim]:
    """Run an installation, "embedded" or "cluster", for as long as the context lasts."""
    with ExitStack() as stack:
        try:
            disk = stack.enter_context(small_disk(folder / "disk", _DISK_MEGABYTES))
        except NoSmallDisk:
            disk = None
        postgresql, own_redis = None, None
        if profile == "cluster":
            postgresql = stack.enter_context(private_server(keeps_commits=True))
            own_redis = PrivateRedis(folder / "redis", keeps_data=True)
            stack.callback(lambda: own_redis.kill())
        victim = Victim(folder, disk, postgresql, own_redis)
        stack.callback(
            lambda: installations.stop(victim.installation.process, victim.installation.log)
        )
        stack.callback(victim.database.close)
        installations.wait_until_ready(victim.installation)
        installations.add_user(victim.installation.database_url)
        yield victim


def await_that(condition: Callable[[], bool], what: str, seconds: float = WAIT_SECONDS) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited in vain for {what}.")
        time.sleep(0.02)


def family(process: psutil.Process) -> list[psutil.Process]:
    """A process and all that it has started."""
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        found: list[psutil.Process] = process.children()
    except psutil.NoSuchProcess:
        return []
    return [child for child in found if is_running(child)]


def _command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""
