"""What the ledger costs for each job, against Celery and pgqueuer; and two hosts.

The jobs do nothing. They go through the real engine with workers and guards in processes of their
own, a PostgreSQL that syncs to disk, and Redis. A bare Celery task takes the same way through the
same broker and number of workers, set up alike, without a ledger. The same number of processes of
pgqueuer takes jobs from the same PostgreSQL, one by one and ten at a time.

`python -m benchmarks.ledger 1000 10000` measures other numbers of jobs.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis
from celery import Celery
from sqlalchemy import URL, func, select

from benchmarks import pgqueuer_jobs
from benchmarks.programs.idle_step import BARE_TASK, SLEEP_SECONDS
from benchmarks.timing import print_header, print_row
from tests.services import postgresql
from tests.services.experiments import add_experiment
from tests.services.installation import clean_environment
from tests.services.redis import running_redis
from tmlib import schema
from tmlib.db import Database
from tmlib.experiments.models import Experiment
from tmlib.ledger.models import PHASE, State, Task, WorkerPool
from tmlib.ledger.queue import JOB_QUEUE
from tmlib.settings import Settings
from tmlib.workflow import service
from tmserver.supervisor import pools
from workers.configuration import configure
from workers.queue import CeleryQueue

_SIZES = (1_000, 10_000, 100_000)
_PROCESSES = 2
_AT_A_TIME = (1, 10)
_HOST_JOBS, _HOST_PROCESSES, _HOST_SECONDS = 40, 2, 1.0
_LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class Cluster:
    """A database, a broker, and the settings that name them."""

    database: Database
    settings: Settings

    def add_experiment(self) -> Experiment:
        """An experiment to submit a workflow for."""
        with self.database.transaction() as session:
            number = session.scalar(select(func.count(Experiment.id)))
            return add_experiment(session, f"screen {number}")

    def submit(self, n_jobs: int) -> int:
        """Hand in a workflow of so many jobs."""
        experiment = self.add_experiment()
        step = {
            "name": "metaextract",
            "batch_args": [{"name": "batch_size", "value": n_jobs}],
        }
        stages = [{"name": "image_conversion", "steps": [step]}]
        return service.submit(
            self.database,
            CeleryQueue(self.settings),
            experiment.id,
            experiment.user_id,
            {"type": "canonical", "stages": stages},
        )

    def phases(self, submission_id: int) -> dict[str, Task]:
        """The phases of a workflow of one step, by name."""
        with self.database.session() as session:
            found = session.scalars(
                select(Task).where(Task.submission_id == submission_id, Task.kind == PHASE)
            )
            return {phase.name.partition("_")[2]: phase for phase in found}

    def count_processes(self) -> int:
        """Worker processes that have told of themselves."""
        with self.database.session() as session:
            return session.scalar(select(func.sum(WorkerPool.processes))) or 0


@contextmanager
def cluster(url: str, folder: Path) -> Iterator[Cluster]:
    """A database with all tables, and a Redis."""
    database = Database(url)
    schema.upgrade(database)
    with running_redis(folder / "redis") as (broker_url, _):
        settings = Settings(data_dir=folder / "data", database_url=url, broker_url=broker_url)
        yield Cluster(database, settings)
    database.close()


@contextmanager
def workers(
    installation: Cluster,
    processes: int,
    host: str = "",
    seconds: float = 0.0,
    *,
    in_groups: bool = True,
) -> Iterator[None]:
    """A pool of workers, on a host of its own if a name is given."""
    command = pools.command(JOB_QUEUE, processes, log_level="WARNING")
    command += ["--include", "benchmarks.programs.idle_step"]
    if host:
        shell = f'hostname {host} && exec "$@"'
        command = ["unshare", "--uts", "sh", "-c", shell, "sh", *command]
    environment = clean_environment(
        installation.settings.data_dir, installation.settings.resolved_database_url
    )
    environment["TM_BROKER_URL"] = str(installation.settings.broker_url)
    environment[SLEEP_SECONDS] = str(seconds)
    if not in_groups:
        environment["TM_TURN_SECONDS"] = "0"
    before = installation.count_processes()
    process = subprocess.Popen(command, env=environment)  # noqa: S603 - from here
    try:
        _await(lambda: installation.count_processes() == before + processes)
        yield
    finally:
        process.terminate()
        process.wait()


def main(sizes: Sequence[int] = _SIZES) -> None:
    """Print seconds per job, and how much faster two hosts are than one."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(postgresql.private_server(syncs=True)).url
        installation = stack.enter_context(cluster(_new_database(server, "ledger"), folder))
        peer = _new_database(server, "pgqueuer")
        pgqueuer_jobs.install(peer)
        _compare_with_others(installation, peer, sizes)
        _compare_hosts(installation)


def _new_database(server: URL, name: str) -> str:
    postgresql.execute(server, f"CREATE DATABASE {name}")
    return server.set(database=name).render_as_string(hide_password=False)


def _compare_with_others(installation: Cluster, peer: str, sizes: Sequence[int]) -> None:
    columns = ["Celery no-op", *(f"pgqueuer, {n} at a time" for n in _AT_A_TIME)]
    columns += ["ledger, 1 at a time", "ledger", "ledger / Celery", "cut"]
    print_header(["ms per job of", *columns])
    for size in sizes:
        peers = []
        for at_a_time in _AT_A_TIME:
            with pgqueuer_jobs.workers(peer, _PROCESSES, at_a_time):
                peers.append(pgqueuer_jobs.run(peer, size))
        with workers(installation, _PROCESSES, in_groups=False):
            bare = _run_bare(installation.settings, size)
            _, single = _run_ledger(installation, size)
        with workers(installation, _PROCESSES):
            cut, run = _run_ledger(installation, size)
        cells = [1e3 * seconds / size for seconds in (bare, *peers, single, run)]
        cells += [run / bare, 1e3 * cut / size]
        print_row([f"{size:,}", *(f"{cell:.2f}" for cell in cells)])


def _run_bare(settings: Settings, n_tasks: int) -> float:
    """Seconds from the first message to the end of the last task, without a ledger."""
    app = configure(Celery("bare", set_as_current=False), settings)
    client = redis.Redis.from_url(str(settings.broker_url))
    started = time.monotonic()
    with app.producer_pool.acquire(block=True) as producer:
        for number in range(n_tasks):
            app.send_task(BARE_TASK, args=[number], queue=JOB_QUEUE, producer=producer)
    _await(lambda: not client.llen(JOB_QUEUE) and not client.hlen("unacked"))
    return time.monotonic() - started


def _run_ledger(installation: Cluster, n_jobs: int) -> tuple[float, float]:
    """Seconds to cut a step into jobs, and from the first job to the end of the last one."""
    submission_id = installation.submit(n_jobs)
    _await(lambda: _has_ended(installation.phases(submission_id).get("run")))
    phases = installation.phases(submission_id)
    if phases["run"].n_done != n_jobs or phases["run"].n_failed:
        raise RuntimeError("Jobs of the benchmark failed: see the log of the workers.")
    return _duration(phases["init"]), _duration(phases["run"])


def _compare_hosts(installation: Cluster) -> None:
    """Throughput of one host and of two on jobs that sleep."""
    print_header(["hosts", f"jobs of {_HOST_SECONDS} s per second", "ratio to one"])
    rates: list[float] = []
    for n_hosts in (1, 2):
        with ExitStack() as stack:
            for number in range(n_hosts):
                stack.enter_context(
                    workers(installation, _HOST_PROCESSES, f"node{number}", _HOST_SECONDS)
                )
            _, run = _run_ledger(installation, _HOST_JOBS)
        rates.append(_HOST_JOBS / run)
        print_row([str(n_hosts), f"{rates[-1]:.1f}", f"{rates[-1] / rates[0]:.2f}"])


def _has_ended(phase: Task | None) -> bool:
    return phase is not None and phase.state is State.TERMINATED


def _duration(phase: Task) -> float:
    if phase.started_at is None or phase.finished_at is None:
        raise RuntimeError(f"{phase.name} has not ended.")
    return (phase.finished_at - phase.started_at).total_seconds()


def _await(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(_LOOK_SECONDS)


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or _SIZES)
