"""Runs a web application as the product runs its own, and measures what it takes."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from flask import Flask, Response, jsonify, send_from_directory

from benchmarks.databases import new_database
from tests.services.experiments import add_experiment
from tmlib.accounts.models import User
from tmlib.accounts.service import hash_password
from tmlib.db import Database
from tmlib.experiments.models import Plate, Site, Well
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage
from tmserver.access import Services
from tmserver.application import INTERFACES
from tmserver.http.api import Apis

FILES = "TM_BENCH_FILES"
"""Environment variable: the folder of the files that the bare application sends."""

_PATIENCE = 120
_WORKER = "tmserver.serving.worker.Worker"
_RUNS = 3
_PASSWORD = "a password for a moment"  # noqa: S105 - of an installation that is gone soon


def bare() -> Flask:
    """An application with one view that does next to nothing, and one that sends files."""
    app = Flask("bare", static_folder=None)
    # the web server asks them for its limits, and for the form in which it refuses requests
    app.extensions["tmserver"] = Services(Settings())
    Apis(INTERFACES).add_to(app)

    @app.get("/")
    def hello() -> Response:
        return jsonify({"data": {"id": "MQ==", "name": "Screen"}})

    @app.get("/files/<name>")
    def file(name: str) -> Response:
        return send_from_directory(os.environ[FILES], name)

    return app


@dataclass(frozen=True)
class Server:
    """A web server that answers."""

    url: str
    process: psutil.Process

    def log_in(self) -> dict[str, str]:
        """Headers that prove to a tmserver who asks."""
        body = json.dumps({"username": "ada", "password": _PASSWORD}).encode()
        request = urllib.request.Request(  # noqa: S310 - http to our own child
            f"{self.url}/auth", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - http to our own child
            return {"Authorization": f"Bearer {json.load(answer)['access_token']}"}

    def seconds(self, function: Callable[[], object], *, with_client: bool = True) -> float:
        """Least processor time that it takes while a function runs, with that of the function."""
        durations = []
        for _ in range(_RUNS):
            start = self._processor_time(with_client)
            function()
            durations.append(self._processor_time(with_client) - start)
        return min(durations)

    def _processor_time(self, with_client: bool) -> float:
        """Seconds that its processes have taken so far."""
        times = [one.cpu_times() for one in self.process.children(recursive=True)]
        own = time.process_time() if with_client else 0.0
        return own + sum(one.user + one.system for one in times)


@contextmanager
def served(application: str, environment: Mapping[str, str]) -> Iterator[Server]:
    """Serve an application (``module:name``) on this machine, with one process."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-W", "ignore", "-m", "gunicorn", application, "--bind", address]
    command += ["--worker-class", _WORKER, "--workers", "1", "--threads", "8"]
    command += ["--log-level", "warning", "--no-control-socket"]
    child = subprocess.Popen(command, env={**os.environ, **environment})  # noqa: S603 - our own words
    try:
        url = f"http://{address}"
        wait(url)
        yield Server(url, psutil.Process(child.pid))
    finally:
        child.terminate()
        child.wait()


def wait(url: str) -> None:
    """Wait until a server answers."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            urllib.request.urlopen(f"{url}/", timeout=2).close()  # noqa: S310 - http to our own child
        except urllib.error.HTTPError:
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


@dataclass(frozen=True)
class Laboratory:
    """An installation with one experiment: a plate of one well with one site."""

    settings: Settings
    database: Database
    experiment_id: int

    @property
    def storage(self) -> ExperimentStorage:
        """Folders of the experiment."""
        return ExperimentStorage(self.settings.data_dir, self.experiment_id)

    @property
    def environment(self) -> dict[str, str]:
        """What a server of it needs to know."""
        return {
            "TM_DATA_DIR": str(self.settings.data_dir),
            "TM_DATABASE_URL": self.settings.resolved_database_url,
        }


@contextmanager
def laboratory(kind: str = "sqlite") -> Iterator[Laboratory]:
    """An installation on a database of this kind that is gone afterwards."""
    with TemporaryDirectory() as folder, new_database(kind, Path(folder)) as (url, database):
        settings = Settings(data_dir=Path(folder), database_url=url)
        experiment_id, _ = add_site(database)
        yield Laboratory(settings, database, experiment_id)


def add_site(database: Database) -> tuple[int, int]:
    """Add an experiment of one site; gives the numbers of both."""
    with database.transaction() as session:
        experiment = add_experiment(session)
        session.get_one(User, experiment.user_id).password_hash = hash_password(_PASSWORD)
        owner = {"experiment_id": experiment.id}
        site = Site(**owner, y=0, x=0, field=0, height=2048, width=2048)
        well = Well(**owner, name="A01", sites=[site])
        session.add(Plate(**owner, name="Plate 1", wells=[well]))
        session.flush()
        return experiment.id, site.id
