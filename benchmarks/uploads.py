"""Receiving files: against nginx's WebDAV module, and against writing and syncing them.

The same client process sends the same bytes with the same number of connections. tmserver runs as
``tm serve`` runs it and answers when a file is synced, counted and in the database; nginx answers
when it has handed the bytes to the operating system, and syncs nothing. The last column is what
the disk alone takes: each file written, synced, renamed, its folder synced, by as many threads.

Times are of the clock, not of the processor, for most of them is waiting for the disk.
"""

import base64
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import requests

from benchmarks.timing import print_header, print_row

CONNECTIONS = 8
SETS = ((400, 20_000), (100, 2_000_000), (4, 200_000_000))
PIECE = 64 * 1024**2

_NGINX = """
daemon off; worker_processes 2; pid {folder}/nginx.pid; error_log stderr error;
events {{}}
http {{
    access_log off; client_max_body_size 0;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{ root {folder}/files; dav_methods PUT; create_full_put_path on; }}
    }}
}}
"""

Send = Callable[[requests.Session, str, bytes], None]


def main() -> None:
    """Print a table of files and megabytes per second."""
    if shutil.which("nginx") is None:
        print("nginx is not installed: apt-get install nginx-light")
        return
    # the other benchmarks keep to one core, here the clients need one too
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    names = ["tmserver, multipart", "tmserver, tus", "nginx PUT", "write and sync"]
    print_header(["files", *names, "ratios of the first to nginx, to write and sync"])
    for n_files, size in SETS:
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            content = os.urandom(size)
            with tmserver(Path(folder) / "ours", n_files) as (multipart, tus):
                seconds = [timed(multipart, "a", n_files, content)]
                seconds.append(timed(tus, "b", n_files, content))
            with nginx(Path(folder) / "nginx") as put:
                seconds.append(timed(put, "c", n_files, content))
            seconds.append(timed(writer(Path(folder)), "d", n_files, content))
        megabytes = n_files * size / 1e6
        cells = [f"{n_files / s:.3g}/s, {megabytes / s:.3g} MB/s" for s in seconds]
        ratios = f"{seconds[2] / seconds[0]:.2f}, {seconds[3] / seconds[0]:.2f}"
        print_row([f"{n_files} of {size / 1e6:g} MB", *cells, ratios])


def timed(send: Send, prefix: str, n_files: int, content: bytes) -> float:
    """How long it takes to send files, with several connections that are open already."""
    sessions = threading.local()

    def one(number: int) -> None:
        if not hasattr(sessions, "session"):
            sessions.session = requests.Session()
        send(sessions.session, file_name(prefix, number), content)

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        os.sync()
        start = time.perf_counter()
        list(pool.map(one, range(n_files)))
        return time.perf_counter() - start


def file_name(prefix: str, number: int) -> str:
    """A name as the microscope type of the experiment writes it."""
    return f"{prefix}_A01_T{number:04d}F001L01A01Z01C01.tif"


@contextmanager
def tmserver(data_dir: Path, n_files: int) -> Iterator[tuple[Send, Send]]:
    """A running server with an acquisition that waits for files, and two ways to send them."""
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
        files = [file_name(prefix, number) for prefix in "ab" for number in range(n_files)]
        post(f"{acquisition}/upload/register", files=files)
        yield multipart_sender(acquisition, headers), tus_sender(acquisition, headers)


def multipart_sender(acquisition: str, headers: dict[str, str]) -> Send:
    """One request per file, as the original protocol has it."""

    def send(session: requests.Session, name: str, content: bytes) -> None:
        boundary = "a-boundary-that-no-file-contains"
        disposition = f'Content-Disposition: form-data; name="file"; filename="{name}"'
        head = f"--{boundary}\r\n{disposition}\r\n\r\n".encode()
        tail = f"\r\n--{boundary}--\r\n".encode()
        answer = session.post(
            f"{acquisition}/microscope-file",
            data=b"".join((head, content, tail)),
            headers=headers | {"Content-Type": f"multipart/form-data; boundary={boundary}"},
            timeout=600,
        )
        if not answer.ok or answer.json()["message"] not in ("ok", "Acquisition complete"):
            raise AssertionError(answer.text)

    return send


def tus_sender(acquisition: str, headers: dict[str, str]) -> Send:
    """Begin an upload together with its first piece, then send what is left of it."""

    def send(session: requests.Session, name: str, content: bytes) -> None:
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


@contextmanager
def nginx(folder: Path) -> Iterator[Send]:
    """A running nginx that takes files with PUT."""
    from tests.services.postgresql import free_port

    (folder / "files").mkdir(parents=True)
    folder.chmod(0o755)
    port = free_port()
    configuration = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""  # else its processes cannot write here
    configuration.write_text(user + _NGINX.format(folder=folder, port=port))
    with subprocess.Popen(["nginx", "-p", folder, "-c", configuration]) as process:  # noqa: S603, S607 - fixed words
        try:
            wait_for(port)
            yield nginx_sender(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()


def wait_for(port: int) -> None:
    """Wait until somebody listens."""
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def nginx_sender(url: str) -> Send:
    """One PUT per file."""

    def send(session: requests.Session, name: str, content: bytes) -> None:
        session.put(f"{url}/{name}", data=content, timeout=600).raise_for_status()

    return send


def writer(folder: Path) -> Send:
    """No server at all: write, sync, rename, sync the folder."""

    def send(session: requests.Session, name: str, content: bytes) -> None:
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
