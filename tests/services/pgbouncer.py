"""PgBouncer in front of a test's database."""

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from tests.services.postgresql import free_port

_CONFIGURATION = """
[databases]
* = host={host} port={server_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = 1
"""


@contextmanager
def pooler(url: str) -> Iterator[str]:
    """URL of a database by way of a pooler with one connection for all transactions."""
    server = make_url(url)
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="tm-pgbouncer-") as folder:
        configuration = Path(folder, "pgbouncer.ini")
        configuration.write_text(
            _CONFIGURATION.format(
                host=server.host, server_port=server.port, port=port, folder=folder
            )
        )
        Path(folder, "users").write_text(f'"{server.username}" "{server.password or ""}"\n')
        account: dict[str, Any] = {}
        if os.geteuid() == 0:  # PgBouncer refuses to run as root
            shutil.chown(folder, "nobody")
            account = {"user": "nobody", "extra_groups": []}
        process = subprocess.Popen(
            ["pgbouncer", str(configuration)], stderr=subprocess.PIPE, **account
        )
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if b"process up" in line:
                    break
            # it would stop if nobody read what it has to say
            reader = threading.Thread(target=process.stderr.read)
            reader.start()
            yield server.set(port=port).render_as_string(hide_password=False)
        finally:
            process.terminate()
            process.wait()
            reader.join()
            process.stderr.close()
