"""How long viewers wait for tiles, alone and beside hundreds of clients that send slowly.

Server and clients share the machine's cores, as in a laboratory where one machine does all.
"""

import asyncio
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import psutil

from benchmarks.maps import add_map, noise
from benchmarks.serving import Laboratory, Server, laboratory, wait
from benchmarks.timing import print_header, print_row
from tmlib.images.mosaics import level_shapes
from tmserver.supervisor import web_server
from tmserver.supervisor.supervisor import free_port

_SIZE = 8192
_TILE = 256
_N_VIEWERS, _N_SLOW = 100, 200
_SECONDS = 15.0
_SLOW_SECONDS = 5.0
_N_PIECES = 10


@dataclass
class Waits:
    """How long clients have waited for answers, from the last byte that they sent, in seconds."""

    tiles: list[float] = field(default_factory=list)
    slow: list[float] = field(default_factory=list)
    n_failed: int = 0


def main() -> None:
    """Print rates and times of tiles, and of what slow clients ask for."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    if cores:
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    print_header(
        ["clients", "tiles/s", "p50", "p99", "p50 of slow ones", "p99", "errors", "server, MB"]
    )
    try:
        with laboratory() as installation:
            path = add_map(installation, noise(_SIZE)).address
            with _served(installation) as server:
                token = server.log_in()["Authorization"]
                for n_slow in (0, _N_SLOW):
                    waits, memory = asyncio.run(_measure(server, path, token, n_slow))
                    _print(waits, memory, n_slow)
    finally:
        if cores:
            os.sched_setaffinity(0, cores)


def _print(waits: Waits, memory: float, n_slow: int) -> None:
    beside = f" beside {n_slow} slow ones" if n_slow else ""
    print_row(
        [
            f"{_N_VIEWERS} viewers{beside}",
            f"{len(waits.tiles) / _SECONDS:.0f}",
            *_percentiles(waits.tiles),
            *(_percentiles(waits.slow) if waits.slow else ("", "")),
            str(waits.n_failed),
            f"{memory:.0f}",
        ]
    )


def _percentiles(found: list[float]) -> tuple[str, str]:
    p50, p99 = np.percentile(found, [50, 99]) * 1000
    return f"{p50:.0f} ms", f"{p99:.0f} ms"


@contextmanager
def _served(installation: Laboratory) -> Iterator[Server]:
    """The web server as it is by default: two processes."""
    port = free_port()
    environment = {**os.environ, **installation.environment}
    command = web_server.command(f"127.0.0.1:{port}")
    child = subprocess.Popen(command, env=environment)  # noqa: S603 - our own words
    try:
        url = f"http://127.0.0.1:{port}"
        wait(url)
        yield Server(url, psutil.Process(child.pid))
    finally:
        child.terminate()
        child.wait()


async def _measure(server: Server, path: str, token: str, n_slow: int) -> tuple[Waits, float]:
    port = int(server.url.rpartition(":")[2])
    waits = Waits()
    end = time.monotonic() + _SECONDS
    viewers = [_view(port, path, token, number, waits, end) for number in range(_N_VIEWERS)]
    slow = [_send_slowly(port, token, number, waits, end) for number in range(n_slow)]
    await asyncio.gather(*viewers, *slow)
    family = server.process.children(recursive=True)
    return waits, sum(one.memory_info().rss for one in family) / 2**20


async def _view(port: int, path: str, token: str, number: int, waits: Waits, end: float) -> None:
    """Ask for one tile after the other, as somebody who moves over the map."""
    random = np.random.default_rng(number)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    deepest = len(level_shapes(_SIZE, _SIZE)) - 1
    while time.monotonic() < end:
        z = deepest - int(random.integers(3))
        n_tiles = (_SIZE >> (deepest - z)) // _TILE
        x, y = random.integers(n_tiles, size=2)
        start = time.perf_counter()
        writer.write(_request(f"{path}?x={x}&y={y}&z={z}", token))
        waits.n_failed += not await _read_answer(reader)
        waits.tiles.append(time.perf_counter() - start)
    writer.close()


async def _send_slowly(port: int, token: str, number: int, waits: Waits, end: float) -> None:
    """Send requests in pieces that take seconds together."""
    await asyncio.sleep(_SLOW_SECONDS * number / _N_SLOW)
    request = _request("/api/experiments", token)
    size = len(request) // _N_PIECES + 1
    while time.monotonic() < end:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for at in range(0, len(request), size):
            await asyncio.sleep(_SLOW_SECONDS / _N_PIECES)
            start = time.perf_counter()
            writer.write(request[at : at + size])
        waits.n_failed += not await _read_answer(reader)
        waits.slow.append(time.perf_counter() - start)
        writer.close()


def _request(path: str, token: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {token}\r\n\r\n".encode()


async def _read_answer(reader: asyncio.StreamReader) -> bool:
    """Whether it is a good one."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    _, _, rest = head.partition(b"content-length:")
    await reader.readexactly(int(rest.partition(b"\r\n")[0]))
    return head.startswith(b"http/1.1 200 ")


if __name__ == "__main__":
    main()
