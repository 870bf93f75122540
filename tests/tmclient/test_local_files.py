"""Files that the client writes appear whole or not at all."""

import errno
import os
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.tmclient.scripted_server import Answer, ScriptedServer
from tmclient.command_line import cli
from tmclient.local_files import write

LAYER = Answer({"data": [{"id": "Mg==", "name": "n", "tpoint": 0, "zplane": 0}]})
PROJECT = Answer({"data": {"pipeline": {"a": 1}, "handles": {"b": {}}, "modules": {"c": "d"}}})
PROJECT_FILES = ["pipeline.yaml", "handles/b.handles.yaml", "modules/c.py"]
DOWNLOAD = "jtproject -e e download --directory {folder}"
IMAGE = "tile -e e image -x 0 -y 0 --level 0 -c n --file {folder}/tile.png"
OBJECTS = "tile -e e objects -x 0 -y 0 --level 0 -o n --file {folder}/tile.json"


@pytest.mark.parametrize(
    ("command", "answers", "files"),
    [
        *((DOWNLOAD, [PROJECT], PROJECT_FILES[:n]) for n in (1, 2, 3)),
        (IMAGE, [LAYER, Answer(b"a tile")], ["tile.png"]),
        (OBJECTS, [LAYER, Answer({"type": "FeatureCollection"})], ["tile.json"]),
    ],
)
def test_what_was_there_stays_when_the_disk_is_full(
    server: ScriptedServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    answers: list[Answer],
    files: list[str],
) -> None:
    """The last of the files does not find room; those before it do."""
    for file in files:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("before")
    sync, n_synced = os.fsync, 0

    def sync_until_full(descriptor: int) -> None:
        nonlocal n_synced
        n_synced += 1
        if n_synced == len(files):
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", sync_until_full)
    server.script(Answer({"data": [{"id": "MQ==", "name": "e"}]}), *answers)
    words = f"--host {server.url} --user ada {command.format(folder=tmp_path)}".split()
    result = CliRunner().invoke(cli, words, env={"TM_PASSWORD": "lovelace"})
    assert result.exit_code == 1
    assert "No space left on device" in result.output
    is_as_before = [(tmp_path / file).read_text() == "before" for file in files]
    assert is_as_before == [False] * (len(files) - 1) + [True]
    assert not list(tmp_path.rglob("*.part"))


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    write(pipe, b"content")
    reader.join()
    assert received == [b"content"]
    assert pipe.is_fifo()


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    link, file = tmp_path / "link", tmp_path / "file"
    link.symlink_to(file)
    write(link, b"content")
    assert link.is_symlink()
    assert file.read_bytes() == b"content"
