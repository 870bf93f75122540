"""Ctrl-C ends what is done in several threads, also while they wait to try something again."""

import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.tmclient.scripted_server import Answer, ScriptedServer
from tests.tmclient.test_files import BUSY, before_the_files
from tests.tmclient.test_values import CELLS, EXPERIMENT
from tmclient import TmClient
from tmclient.cancellation import Cancellation, Cancelled, run_in_threads

RETRIES = 8


@pytest.fixture(autouse=True)
def hears_ctrl_c() -> Iterator[None]:
    """What shells start in the background does not, and hands that on."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt() -> None:
    """What Ctrl-C does."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


@pytest.mark.parametrize("what", ["one", "many", "converted"])
def test_uploads_end(server: ScriptedServer, client: TmClient, tmp_path: Path, what: str) -> None:
    names = [f"{number}.tif" for number in range(10 if what == "many" else 1)]
    for name in names:
        tifffile.imwrite(tmp_path / name, np.zeros((4, 4), np.uint8))
    sent = [name.replace("tif", "png") for name in names] if what == "converted" else names
    first = before_the_files(sent, sent)
    server.script(*first, replace(BUSY, before=interrupt), BUSY)
    with pytest.raises(KeyboardInterrupt):
        client.microscope_files.upload(
            "p", "a", tmp_path, retry=RETRIES, convert=what == "converted"
        )
    assert len(server.requests) - len(first) <= RETRIES


def test_downloads_end(server: ScriptedServer, client: TmClient, tmp_path: Path) -> None:
    wells = [{"name": f"A{number}", "plate_name": "p"} for number in range(10)]
    broken = Answer(b"x" * 100, missing=10, headers={"Content-Disposition": "filename=a.csv"})
    first = [EXPERIMENT, Answer({"data": wells}), CELLS]
    server.script(*first, replace(broken, before=interrupt), broken)
    with pytest.raises(KeyboardInterrupt):
        client.feature_values.download_files("Cells", tmp_path)
    assert len(server.requests) - len(first) < 5
    assert not list(tmp_path.iterdir())


def test_those_at_work_end_when_it_comes_while_others_are_handed_in() -> None:
    cancellation = Cancellation()
    ended = []

    def tasks() -> Iterator[str]:
        yield "first"
        raise KeyboardInterrupt

    def work(task: str) -> None:
        with pytest.raises(Cancelled):
            cancellation.pause(attempt=6)
        ended.append(task)

    with pytest.raises(KeyboardInterrupt):
        run_in_threads(work, tasks(), 1, cancellation)
    assert ended == ["first"]
