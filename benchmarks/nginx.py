"""nginx, as what files that are sent and taken over HTTP are compared with."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.serving import Server, wait

_CONFIGURATION = """
daemon off; worker_processes {n_processes}; pid {folder}/nginx.pid; error_log stderr error;
events {{}}
http {{
    access_log off; client_max_body_size 0; default_type application/octet-stream;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{ root {folder}/files; {options} }}
    }}
}}
"""


def is_there() -> bool:
    """Whether nginx is installed; says how it is installed if not."""
    if shutil.which("nginx") is None:
        print("nginx is not installed: apt-get install nginx-light")
        return False
    return True


@contextmanager
def serving(folder: Path, options: str, n_processes: int = 2) -> Iterator[Server]:
    """Serve what is in ``files`` of a folder, with some options for its location."""
    from tests.services.postgresql import free_port

    (folder / "files").mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    port = free_port()
    configuration = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""  # else its processes cannot write here
    words = {"folder": folder, "port": port, "options": options, "n_processes": n_processes}
    configuration.write_text(user + _CONFIGURATION.format(**words))
    with subprocess.Popen(["nginx", "-p", folder, "-c", configuration]) as process:  # noqa: S603, S607 - fixed words
        try:
            url = f"http://127.0.0.1:{port}"
            wait(url)
            yield Server(url, psutil.Process(process.pid))
        finally:
            process.terminate()
