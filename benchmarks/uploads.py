"""Receiving files: against nginx's WebDAV module, and against writing and syncing them.

The same client process sends the same bytes with the same number of connections. tmserver runs as
``tm serve`` runs it and answers when a file is synced, counted and in the database; nginx answers
when it has handed the bytes to the operating system, and syncs nothing. The last column is what
the disk alone takes: each file written, synced, renamed, its folder synced, by as many threads.
Requests with many files have 16 MB of them, 200 files at most, as those of the client have.

Times are of the clock, not of the processor, for most of them is waiting for the disk.
"""

import base64
import io
import os
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import requests

from benchmarks import nginx
from benchmarks.timing import print_header, print_row

CONNECTIONS = 8
SETS = ((1600, 20_000), (100, 2_000_000), (4, 200_000_000))
PIECE = 64 * 1024**2
FILES_PER_REQUEST = 200
BYTES_PER_REQUEST = 16_000_000

_NGINX = "dav_methods PUT; create_full_put_path on;"

Send = Callable[[requests.Session, Sequence[str], bytes], None]
"""Sends files of these names, all with the same content."""

Sender = Callable[[str, dict[str, str]], Send]
"""Makes that of an address of an acquisition and of headers that tell who sends."""

BOUNDARY = "a-boundary-that-no-file-contains"
FORM_DATA = f"multipart/form-data; boundary={BOUNDARY}"


def main() -> None:
    """Print a table of files and megabytes per second."""
    if not nginx.is_there():
        return
    # the other benchmarks keep to one core, here the clients need one too
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    names = [*("tmserver, " + name for name in WAYS), "nginx PUT", "write and sync"]
    print_header(["files", *names, "ratios to nginx and to write and sync, of each"])
    for n_files, size in SETS:
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            content = os.urandom(size)
            seconds = []
            with tmserver(Path(folder) / "ours", n_files) as (acquisition, headers):
                for prefix, (sender, per_request) in zip(PREFIXES, WAYS.values(), strict=True):
                    together = per_request(size)
                    seconds.append(
                        timed(sender(acquisition, headers), prefix, n_files, content, together)
                    )
            with nginx.serving(Path(folder) / "nginx", _NGINX) as peer:
                seconds.append(timed(nginx_sender(peer.url), "x", n_files, content))
            seconds.append(timed(writer(Path(folder)), "y", n_files, content))
        megabytes = n_files * size / 1e6
        cells = [f"{n_files / s:.3g}/s, {megabytes / s:.3g} MB/s" for s in seconds]
        peers = seconds[-2:]
        ratios = [", ".join(f"{peer / s:.2f}" for peer in peers) for s in seconds[: len(WAYS)]]
        print_row([f"{n_files} of {size / 1e6:g} MB", *cells, "; ".join(ratios)])


def timed(send: Send, prefix: str, n_files: int, content: bytes, together: int = 1) -> float:
    """How long it takes to send files, with several connections that are open already."""
    sessions = threading.local()
    names = [file_name(prefix, number) for number in range(n_files)]

    def some(start: int) -> None:
        if not hasattr(sessions, "session"):
            sessions.session = requests.Session()
        send(sessions.session, names[start : start + together], content)

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        os.sync()
        start = time.perf_counter()
        list(pool.map(some, range(0, n_files, together)))
        return time.perf_counter() - start


def file_name(prefix: str, number: int) -> str:
    """A name as the microscope type of the experiment writes it."""
    return f"{prefix}_A01_T{number:04d}F001L01A01Z01C01.tif"


@contextmanager
def tmserver(data_dir: Path, n_files: int) -> Iterator[tuple[str, dict[str, str]]]:
    """A running server with an acquisition that waits for files: its address, and who sends."""
    from tests.services.installation import PASSWORD, USER, running_installation

    with running_installation(data_dir, processes=1) as installation:
        login = {"username": USER, "password": PASSWORD}
        token = requests.post(f"{installation.url}/auth", json=login, timeout=60).json()
        headers = {"Authorization": f"Bearer {token['access_token']}"}

        def post(path: str, **body: object) -> dict[str, str]:
            answer = requests.post(path, json=body, headers=headers, timeout=600)
            answer.raise_for_status()
            data: dict[str, str] = answer.json()["data"]
            return data

        experiment = post(
            f"{installation.url}/api/experiments",
            name="uploads",
            workflow_type="canonical",
            microscope_type="cellvoyager",
            plate_format=96,
            plate_acquisition_mode="basic",
        )
        path = f"{installation.url}/api/experiments/{experiment['id']}"
        post(f"{path}/plates", name="P")
        run = post(f"{path}/acquisitions", name="A", plate_name="P")
        acquisition = f"{path}/acquisitions/{run['id']}"
        files = [file_name(prefix, number) for prefix in PREFIXES for number in range(n_files)]
        post(f"{acquisition}/upload/register", files=files)
        yield acquisition, headers


def form(names: Sequence[str], content: bytes) -> bytes:
    """A body with files of these names."""
    pieces = []
    for name in names:
        disposition = f'Content-Disposition: form-data; name="file"; filename="{name}"'
        pieces += [f"--{BOUNDARY}\r\n{disposition}\r\n\r\n".encode(), content, b"\r\n"]
    return b"".join((*pieces, f"--{BOUNDARY}--\r\n".encode()))


def archive(names: Sequence[str], content: bytes) -> bytes:
    """A tar archive with files of these names."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return target.getvalue()


def multipart_sender(acquisition: str, headers: dict[str, str]) -> Send:
    """One request per file, as the original protocol has it."""

    def send(session: requests.Session, names: Sequence[str], content: bytes) -> None:
        answer = session.post(
            f"{acquisition}/microscope-file",
            data=form(names, content),
            headers=headers | {"Content-Type": FORM_DATA},
            timeout=600,
        )
        if not answer.ok or answer.json()["message"] not in ("ok", "Acquisition complete"):
            raise AssertionError(answer.text)

    return send


def many_sender(media_type: str, pack: Callable[[Sequence[str], bytes], bytes]) -> Sender:
    """Many files in one request."""

    def sender(acquisition: str, headers: dict[str, str]) -> Send:
        def send(session: requests.Session, names: Sequence[str], content: bytes) -> None:
            answer = session.post(
                f"{acquisition}/microscope-files",
                data=pack(names, content),
                headers=headers | {"Content-Type": media_type},
                timeout=600,
            )
            if not answer.ok or {one["status"] for one in answer.json()["data"]} != {"COMPLETE"}:
                raise AssertionError(answer.text)

        return send

    return sender


def tus_sender(acquisition: str, headers: dict[str, str]) -> Send:
    """Begin an upload together with its first piece, then send what is left of it."""

    def send(session: requests.Session, names: Sequence[str], content: bytes) -> None:
        (name,) = names
        versioned = headers | {
            "Tus-Resumable": "1.0.0",
            "Content-Type": "application/offset+octet-stream",
        }
        begin = {
            "Upload-Length": f"{len(content)}",
            "Upload-Metadata": f"filename {base64.b64encode(name.encode()).decode()}",
        }
        answer = session.post(
            f"{acquisition}/tus", data=content[:PIECE], headers=versioned | begin, timeout=600
        )
        answer.raise_for_status()
        upload = requests.compat.urljoin(acquisition, answer.headers["Location"])
        for offset in range(PIECE, len(content), PIECE):
            answer = session.patch(
                upload,
                data=content[offset : offset + PIECE],
                headers=versioned | {"Upload-Offset": f"{offset}"},
                timeout=600,
            )
            answer.raise_for_status()
        if answer.headers["Upload-Offset"] != str(len(content)):
            raise AssertionError(answer.headers)

    return send


def nginx_sender(url: str) -> Send:
    """One PUT per file."""

    def send(session: requests.Session, names: Sequence[str], content: bytes) -> None:
        (name,) = names
        session.put(f"{url}/{name}", data=content, timeout=600).raise_for_status()

    return send


def writer(folder: Path) -> Send:
    """No server at all: write, sync, rename, sync the folder."""

    def send(session: requests.Session, names: Sequence[str], content: bytes) -> None:
        (name,) = names
        part = folder / f"{name}.part"
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(folder / name)
        descriptor = os.open(folder, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)

    return send


def alone(size: int) -> int:
    """One file in a request."""
    return 1


def together(size: int) -> int:
    """As many files in a request as the client sends."""
    return max(1, min(FILES_PER_REQUEST, BYTES_PER_REQUEST // size))


WAYS: dict[str, tuple[Sender, Callable[[int], int]]] = {
    "multipart": (multipart_sender, alone),
    "tus": (tus_sender, alone),
    "many as multipart": (many_sender(FORM_DATA, form), together),
    "many as tar": (many_sender("application/x-tar", archive), together),
}
PREFIXES = "abcd"
