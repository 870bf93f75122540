"""Messages as files: none is taken twice, none is seen half, and a kill holds nobody up."""

import os
import signal
import stat
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tmlib.ledger.file_queue import FileQueue, remove_drafts

N_MESSAGES = 300

# takes messages until there are none, and says which
TAKE = """
import sys
from pathlib import Path
from tmlib.ledger.file_queue import FileQueue
queue = FileQueue(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
while (message := queue.take()) is not None:
    print(message.decode(), flush=True)
"""

PUT_FOR_EVER = """
import itertools, sys
from pathlib import Path
from tmlib.ledger.file_queue import FileQueue
queue = FileQueue(Path(sys.argv[1]))
for number in itertools.count():
    queue.put(b"x" * 10_000)
    print(number, flush=True)
"""


@pytest.fixture
def queue(tmp_path: Path) -> FileQueue:
    return FileQueue(tmp_path / "queues" / "jobs")


def start(program: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_messages_come_out_in_their_order(queue: FileQueue) -> None:
    assert (queue.take(), queue.size()) == (None, 0)
    for number in range(20):
        queue.put(b"%d" % number)
    assert queue.size() == 20
    assert [queue.take() for _ in range(21)] == [*(b"%d" % n for n in range(20)), None]
    assert queue.size() == 0


def test_all_are_removed_at_once(queue: FileQueue) -> None:
    for _ in range(3):
        queue.put(b"message")
    assert queue.purge() == 3
    assert queue.take() is None


def test_messages_are_for_their_owner_alone(queue: FileQueue, tmp_path: Path) -> None:
    queue.put(b"message")
    assert stat.S_IMODE((tmp_path / "queues" / "jobs").stat().st_mode) == 0o700


def test_each_message_is_taken_by_one_process(queue: FileQueue, tmp_path: Path) -> None:
    for number in range(N_MESSAGES):
        queue.put(b"%d" % number)
    takers = [start(TAKE, tmp_path / "queues" / "jobs") for _ in range(3)]
    for taker in takers:
        assert taker.stdout is not None
        assert taker.stdout.readline() == "ready\n"
    outputs = []
    for taker in takers:
        assert taker.stdin is not None
        taker.stdin.write("go\n")
        taker.stdin.flush()
    for taker in takers:
        outputs += taker.communicate()[0].split()
        assert taker.returncode == 0
    assert Counter(map(int, outputs)) == Counter(range(N_MESSAGES))


def test_who_is_killed_leaves_no_half_message(queue: FileQueue, tmp_path: Path) -> None:
    folder = tmp_path / "queues"
    with start(PUT_FOR_EVER, folder / "jobs") as process:
        assert process.stdout is not None
        for _ in range(20):
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
    (folder / "jobs" / ".half").write_bytes(b"x")
    taken = []
    while (message := queue.take()) is not None:
        taken.append(message)
    assert len(taken) >= 20
    assert set(taken) == {b"x" * 10_000}
    remove_drafts(folder)
    assert not list((folder / "jobs").iterdir())
