"""A process that takes jobs which do nothing from pgqueuer's queue, until it is told to end.

`python -m benchmarks.programs.pgqueuer_worker URL N` takes up to N jobs at a time.
"""

import asyncio
import signal
import sys

import asyncpg
from pgqueuer import AsyncpgDriver, Job, PgQueuer, Queries

ENTRYPOINT = "nothing"


async def install(url: str) -> None:
    """Create pgqueuer's tables, which are synced to disk like others unless one asks otherwise."""
    connection = await asyncpg.connect(url)
    try:
        await Queries(AsyncpgDriver(connection)).install()
    finally:
        await connection.close()


async def enqueue(url: str, n_jobs: int) -> None:
    """Put jobs on the queue, all at once."""
    connection = await asyncpg.connect(url)
    try:
        queries = Queries(AsyncpgDriver(connection))
        await queries.enqueue([ENTRYPOINT] * n_jobs, [None] * n_jobs, [0] * n_jobs)
    finally:
        await connection.close()


async def work(url: str, batch_size: int) -> None:
    """Take jobs and do nothing."""
    connection = await asyncpg.connect(url)
    queue = PgQueuer(AsyncpgDriver(connection))

    @queue.entrypoint(ENTRYPOINT)
    async def do_nothing(job: Job) -> None:
        pass

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, queue.shutdown.set)
    print("ready", flush=True)
    await queue.run(batch_size=batch_size)


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], int(sys.argv[2])))
