"""Kombu on files, without Celery around it."""

import logging
from collections.abc import Iterator
from pathlib import Path
from queue import Empty

import pytest
from kombu.connection import Connection
from kombu.simple import SimpleQueue

from tmlib.ledger.file_queue import FileQueue
from workers import file_transport


def connect(folder: Path) -> Connection:
    return Connection(
        f"{file_transport.SCHEME}://localhost", transport_options={"folder": str(folder)}
    )


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[SimpleQueue]:
    with connect(tmp_path) as connection, connection.SimpleQueue("jobs", no_ack=False) as queue:
        yield queue


def test_messages_reach_who_takes_them(jobs: SimpleQueue, tmp_path: Path) -> None:
    with connect(tmp_path) as connection, connection.SimpleQueue("jobs") as other:
        other.put({"job": 7})
    assert jobs.qsize() == 1
    message = jobs.get(timeout=10)
    assert message.payload == {"job": 7}
    message.ack()
    with pytest.raises(Empty):
        jobs.get_nowait()


def test_who_leaves_without_having_ended_gives_messages_back(tmp_path: Path) -> None:
    for _ in range(2):
        with connect(tmp_path) as connection, connection.SimpleQueue("jobs") as queue:
            if queue.qsize() == 0:
                queue.put({"job": 7})
            assert queue.get(timeout=10).payload == {"job": 7}
    assert FileQueue(tmp_path / "jobs").size() == 1


@pytest.mark.parametrize("content", [b"", b'{"body": ', b"\xff\xfe"])
def test_a_damaged_message_holds_nobody_up(
    jobs: SimpleQueue, tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    FileQueue(tmp_path / "jobs").put(content)
    jobs.put({"job": 8})
    with caplog.at_level(logging.WARNING):
        assert jobs.get(timeout=10).payload == {"job": 8}
    assert "damaged" in caplog.text
    assert jobs.qsize() == 0
