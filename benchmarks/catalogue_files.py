"""Published files over HTTP: in parts, whole and as lists, beside nginx with the same files.

tmserver answers below ``/s3`` as S3 does, from names in the database and contents by their digest;
nginx sends a folder, and lists one as JSON. Processor times of the servers alone, for each request.
"""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import requests

from benchmarks import nginx
from benchmarks.databases import DATABASES
from benchmarks.serving import Laboratory, Server, laboratory, served
from benchmarks.timing import print_header, print_row, readable
from tmlib.portal.files import FileStore, KeptFile, publish

_BUCKET = "bench"
_N_REQUESTS = 500
_N_LISTS = 20
_N_FILES = 1000
_N_FOLDERS = 20
_SMALL, _PIECE, _LARGE = 4096, 65_536, 64 * 1024**2


def main() -> None:
    """Print processor times for each request, and their ratios."""
    if not nginx.is_there():
        return
    print_header(["requests", "nginx", *(f"tmserver, {kind}" for kind in DATABASES), "ratios"])
    with TemporaryDirectory() as parent:
        folder = Path(parent)
        _write(folder / "files" / _BUCKET)
        with nginx.serving(folder, "autoindex on; autoindex_format json;", 1) as peer:
            plain = {name: time(peer) for name, time in _asked(_listed_by_nginx)}
        ours = [_ours(kind, folder / "files" / _BUCKET) for kind in DATABASES]
    for name, bare in plain.items():
        times = [of[name] for of in ours]
        ratios = ", ".join(f"{time / bare:.1f}" for time in times)
        print_row([name, readable(bare), *map(readable, times), ratios])


def _write(folder: Path) -> None:
    """A large file, and folders with small ones."""
    folder.mkdir(parents=True)
    (folder / "large.mrc").write_bytes(os.urandom(_LARGE))
    for place in range(_N_FOLDERS):
        (folder / f"run-{place}").mkdir()
        for number in range(_N_FILES):
            (folder / f"run-{place}" / f"{number:05}").write_bytes(os.urandom(_SMALL))


def _ours(kind: str, folder: Path) -> dict[str, float]:
    """The times of a server on a database of this kind."""
    with laboratory(kind) as installation:
        _publish(installation, folder)
        with served("tmserver.wsgi:application", installation.environment) as server:
            return {name: time(server) for name, time in _asked(_listed_by_s3, "/s3")}


def _publish(installation: Laboratory, folder: Path) -> None:
    store = FileStore(installation.settings.data_dir)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    kept: list[KeptFile] = [store.keep(path.relative_to(folder).as_posix(), path) for path in paths]
    with installation.database.transaction() as session:
        publish(session, _BUCKET, kept)


def _asked(
    listed: Callable[[requests.Session, str], int], prefix: str = ""
) -> list[tuple[str, Callable[[Server], float]]]:
    """What is asked of a server, and what gives its processor time for each request."""

    def part(session: requests.Session, url: str, number: int) -> int:
        first = number * _PIECE % _LARGE
        headers = {"Range": f"bytes={first}-{first + _PIECE - 1}"}
        return len(session.get(f"{url}/large.mrc", headers=headers, timeout=60).content)

    def small(session: requests.Session, url: str, number: int) -> int:
        return len(session.get(f"{url}/run-0/{number:05}", timeout=60).content)

    def listing(session: requests.Session, url: str, number: int) -> int:
        return listed(session, url)

    return [
        (f"parts of {_PIECE // 1024} kB", _timed(prefix, part, _N_REQUESTS, _PIECE)),
        (f"files of {_SMALL // 1024} kB", _timed(prefix, small, _N_REQUESTS, _SMALL)),
        (f"lists of {_N_FILES:,} files", _timed(prefix, listing, _N_LISTS, _N_FILES)),
    ]


def _timed(
    prefix: str, ask: Callable[[requests.Session, str, int], int], count: int, expected: int
) -> Callable[[Server], float]:
    def time(server: Server) -> float:
        url = f"{server.url}{prefix}/{_BUCKET}"
        with requests.Session() as session:

            def some() -> None:
                for number in range(count):
                    if ask(session, url, number) != expected:
                        raise SystemExit(f"{url} gives something else than was asked for.")

            some()  # what is read first is not in memory yet
            return server.seconds(some, with_client=False) / count

    return time


def _listed_by_nginx(session: requests.Session, url: str) -> int:
    return len(session.get(f"{url}/run-0/", timeout=60).json())


def _listed_by_s3(session: requests.Session, url: str) -> int:
    asked = {"list-type": "2", "prefix": "run-0/"}
    return session.get(url, params=asked, timeout=60).text.count("<Key>")
