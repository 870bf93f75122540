"""What is done to an installation: one object per kind of fault."""

import os
import random
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from sqlalchemy import select, text

from tests.acceptance.torture.victim import LEASE_SECONDS, Victim, await_that, family
from tests.services.clock import shifted_clock
from tests.services.installation import is_running
from tests.services.postgresql import execute
from tmlib.ledger.models import Job
from workers.queue import CeleryQueue

UNTIL_THE_END = float("inf")

_SLOW_CLIENTS = 70

_EMBEDDED, _CLUSTER = "embedded", "cluster"


@dataclass(frozen=True)
class Strike:
    """A fault that has hit something and is not over.

    Attributes
    ----------
    seconds
        How long it lasts.
    end
        Ends it, and waits until nothing of it goes on.
    """

    seconds: float = 0.0
    end: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Fault:
    """A kind of fault.

    Attributes
    ----------
    name
        What is done.
    strike
        Does it, now; None if there was nothing to do it to.
    profiles
        Where it can be done.
    first
        The phase that it makes sense from.
    needs_disk
        Whether the data must be on a small disk.
    is_alone
        Whether everything else must work when it comes: what is away cannot be broken or mended.
    """

    name: str
    strike: Callable[[Victim, random.Random], Strike | None]
    profiles: tuple[str, ...] = (_EMBEDDED, _CLUSTER)
    first: str = "upload"
    needs_disk: bool = False
    is_alone: bool = False

    def can_strike(self, victim: Victim) -> bool:
        """Whether it can be done to this installation."""
        return victim.name in self.profiles and not (self.needs_disk and victim.disk is None)


def _kill(processes: list[psutil.Process]) -> Strike | None:
    """Kill processes, all of them before any can notice that another one is gone."""
    there = [process for process in processes if is_running(process)]
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for process in there:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
    return Strike() if there else None


def _one_of(processes: list[psutil.Process], choice: random.Random) -> list[psutil.Process]:
    return [choice.choice(processes)] if processes else []


def _kill_worker(victim: Victim, choice: random.Random) -> Strike | None:
    return _kill(_one_of(victim.busy_processes() or victim.pool_processes(), choice))


def _kill_guard(victim: Victim, choice: random.Random) -> Strike | None:
    processes = victim.busy_processes() or victim.pool_processes()
    guards = [guard for process in processes for guard in family(process)[1:]]
    return _kill(_one_of(guards, choice))


def _kill_pool_parent(victim: Victim, choice: random.Random) -> Strike | None:
    pool = victim.pool()
    return None if pool is None else _kill([pool])


def _kill_pool(victim: Victim, choice: random.Random) -> Strike | None:
    pool = victim.pool()
    return None if pool is None else _kill(family(pool))


def _kill_web_worker(victim: Victim, choice: random.Random) -> Strike | None:
    server = victim.oldest("gunicorn")
    return None if server is None else _kill(_one_of(family(server)[1:], choice))


def _kill_web_server(victim: Victim, choice: random.Random) -> Strike | None:
    server = victim.oldest("gunicorn")
    return None if server is None else _kill([server])


def _kill_supervisor(victim: Victim, choice: random.Random) -> Strike | None:
    """Kill the supervisor; all that it has started must follow it, and can be started again."""
    return _kill_with_supervisor(victim, [])


def _kill_supervisor_and_parents(victim: Victim, choice: random.Random) -> Strike | None:
    """Kill whoever could end what is left: the supervisor, and the processes below it."""
    return _kill_with_supervisor(victim, psutil.Process(victim.installation.process.pid).children())


def _kill_with_supervisor(victim: Victim, others: list[psutil.Process]) -> Strike:
    supervisor = psutil.Process(victim.installation.process.pid)
    everything = victim.installation.children()
    _kill([supervisor, *others])
    victim.installation.process.wait()

    def start_again() -> None:
        await_that(
            lambda: not any(is_running(process) for process in everything),
            "what a killed supervisor has started to end",
        )
        victim.restart()

    return Strike(end=start_again)


def _kill_redis(victim: Victim, choice: random.Random) -> Strike:
    assert victim.redis is not None
    victim.redis.kill()
    return Strike(choice.uniform(0, 2), victim.redis.start)


def _kill_redis_and_its_data(victim: Victim, choice: random.Random) -> Strike:
    assert victim.redis is not None
    victim.redis.kill()
    victim.redis.forget()
    return Strike(choice.uniform(0, 2), victim.redis.start)


def _hang_redis(victim: Victim, choice: random.Random) -> Strike:
    """Let Redis take connections and commands, and answer none, for longer than a lease."""
    assert victim.redis is not None
    victim.redis.process.send_signal(signal.SIGSTOP)
    process = victim.redis.process
    seconds = choice.uniform(0.5, 3 * LEASE_SECONDS)
    return Strike(seconds, lambda: process.send_signal(signal.SIGCONT))


def _add_late_and_early_workers(victim: Victim, choice: random.Random) -> Strike:
    """Let workers help whose clocks are a minute behind and a minute ahead."""
    before = victim.count_pools()
    workers = [victim.start_worker(shifted_clock(seconds)) for seconds in (-60, 60)]
    with suppress(TimeoutError):
        await_that(lambda: victim.count_pools() >= before + len(workers), "further workers", 30)

    def end() -> None:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait()

    return Strike(UNTIL_THE_END, end)


def _connect_slowly(victim: Victim, choice: random.Random) -> Strike:
    """Open more connections than the web server has threads, and send half a head on each."""
    host, _, port = victim.installation.url.rpartition("/")[2].rpartition(":")
    clients = []
    for _ in range(_SLOW_CLIENTS):
        with suppress(OSError):
            client = socket.create_connection((host, int(port)), timeout=1)
            client.sendall(b"GET /api/experiments HTTP/1.1\r\nHost: a\r\nAccept")
            clients.append(client)

    def end() -> None:
        for client in clients:
            client.close()

    return Strike(choice.uniform(1, 3 * LEASE_SECONDS), end)


def _kill_postgresql(victim: Victim, choice: random.Random) -> Strike:
    assert victim.postgresql is not None
    victim.postgresql.kill()
    return Strike(choice.uniform(0, 2), victim.postgresql.start)


def _stop_postgresql(victim: Victim, choice: random.Random) -> Strike:
    assert victim.postgresql is not None
    victim.postgresql.stop_at_once()
    return Strike(choice.uniform(0, 2), victim.postgresql.start)


def _refuse_connections(victim: Victim, choice: random.Random) -> Strike:
    assert victim.postgresql is not None
    server, name = victim.postgresql.url, victim.database.engine.url.database
    allow = f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS"
    end_sessions = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    execute(server, f"{allow} false", end_sessions)
    seconds = choice.uniform(0.5, 2 * LEASE_SECONDS)
    return Strike(seconds, lambda: execute(server, f"{allow} true"))


def _lock_database(victim: Victim, choice: random.Random) -> Strike:
    """Let nobody write for longer than a lease lasts."""
    connection = victim.database.engine.connect().execution_options(write=True)
    connection.execute(text("SELECT 1"))
    return Strike(choice.uniform(0.5, 2 * LEASE_SECONDS), connection.close)


def _pause(victim: Victim, choice: random.Random) -> Strike | None:
    return _suspend(victim, choice, 2 * LEASE_SECONDS)


def _pause_to_the_end(victim: Victim, choice: random.Random) -> Strike | None:
    awake = [process for process in victim.pool_processes() if not _is_stopped(process)]
    if len(awake) < 2:
        # somebody has to do the work
        return None
    # whoever is stopped in the middle of a transaction holds SQLite up for everybody
    is_sqlite = victim.database.is_sqlite
    return _suspend(victim, choice, 4 * LEASE_SECONDS if is_sqlite else UNTIL_THE_END)


def _is_stopped(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_STOPPED)
    except psutil.NoSuchProcess:
        return True


def _suspend(victim: Victim, choice: random.Random, seconds: float) -> Strike | None:
    """Stop a worker together with its guard; they do not know how long it was."""
    chosen = _one_of(victim.busy_processes(), choice)
    processes = [member for process in chosen for member in family(process)]
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.suspend()

    def resume() -> None:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()
        # the guard looks into the ledger soon, unless the worker is done before
        with suppress(TimeoutError):
            await_that(
                lambda: not any(is_running(process) for process in chosen),
                "the guard to end a worker that came too late",
                LEASE_SECONDS + 2,
            )

    return Strike(seconds, resume) if processes else None


def _duplicate_messages(victim: Victim, choice: random.Random) -> Strike | None:
    """Send ids of jobs that have ended, that run, that wait, and that never were."""
    with victim.database.session() as session:
        job_ids = list(session.scalars(select(Job.id).order_by(Job.id)))
    messages = 3 * job_ids[-60:] + [10**9, 10**9 + 1]
    choice.shuffle(messages)
    CeleryQueue(victim.settings).enqueue(messages)
    return Strike()


def _drop_messages(victim: Victim, choice: random.Random) -> Strike | None:
    """Take some of the messages that wait off the queue."""
    return Strike() if victim.drop_messages() else None


def _drop_queue(victim: Victim, choice: random.Random) -> Strike | None:
    """Forget all messages, also those that workers have and have not acknowledged."""
    return Strike() if victim.drop_queue() else None


def _fill_disk(victim: Victim, choice: random.Random) -> Strike | None:
    assert victim.disk is not None
    filler = victim.disk / "filler"
    if filler.exists():
        return None
    _fill(filler)
    seconds = choice.uniform(0.2, 2)
    return Strike(seconds, lambda: filler.unlink())


def _fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            status = os.statvfs(filler)
            file.write(b"\0" * max(status.f_frsize, status.f_bavail * status.f_frsize))


FAULTS = (
    Fault("worker killed", _kill_worker, first="metaextract_init"),
    Fault("guard killed", _kill_guard, first="metaextract_init"),
    Fault("pool killed", _kill_pool),
    Fault("parent of pool killed", _kill_pool_parent),
    Fault("web worker killed", _kill_web_worker),
    Fault("web server killed", _kill_web_server),
    Fault("supervisor killed", _kill_supervisor, is_alone=True),
    Fault("supervisor and parents killed", _kill_supervisor_and_parents, is_alone=True),
    Fault("Redis killed, data kept", _kill_redis, profiles=(_CLUSTER,), is_alone=True),
    Fault("Redis killed, data lost", _kill_redis_and_its_data, profiles=(_CLUSTER,), is_alone=True),
    Fault("Redis hangs", _hang_redis, profiles=(_CLUSTER,), is_alone=True),
    Fault("clocks differ", _add_late_and_early_workers, profiles=(_CLUSTER,), is_alone=True),
    Fault("slow clients", _connect_slowly),
    Fault("PostgreSQL killed", _kill_postgresql, profiles=(_CLUSTER,), is_alone=True),
    Fault("PostgreSQL stopped at once", _stop_postgresql, profiles=(_CLUSTER,), is_alone=True),
    Fault("database refuses connections", _refuse_connections, profiles=(_CLUSTER,), is_alone=True),
    Fault("database locked", _lock_database, profiles=(_EMBEDDED,), is_alone=True),
    Fault("worker paused beyond its lease", _pause, first="metaextract_init"),
    Fault("worker paused to the end", _pause_to_the_end, first="metaextract_init"),
    Fault("messages duplicated", _duplicate_messages, first="metaextract_init"),
    Fault("messages dropped", _drop_messages, first="metaextract_init"),
    Fault("queue dropped", _drop_queue, first="metaextract_init"),
    Fault("disk full", _fill_disk, needs_disk=True),
)
