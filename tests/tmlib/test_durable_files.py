"""Files appear whole or not at all, and in an order of steps that a power failure cannot spoil."""

import errno
import os
import resource
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tmlib import durable_files
from tmlib.durable_files import Sync

NAMES = [
    "a",
    "with space and\nnewline",
    "-rf",
    "ünïcödé.parquet",
    "x" * 255,
    "ü" * 127,
    os.fsdecode(b"not-utf-8-\xff"),
    "*.tmp",
]


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("sync", "wanted"),
    [
        ("all", ["sync draft", "draft -> file", "sync folder"]),
        ("content", ["sync draft", "draft -> file"]),
        ("none", ["draft -> file"]),
    ],
)
def test_a_file_is_synced_before_it_gets_its_name_and_the_name_afterwards(
    tmp_path: Path, steps: list[str], sync: Sync, wanted: list[str]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    durable_files.write(folder / "file", "content", sync=sync)
    assert steps == wanted
    assert (folder / "file").read_text() == "content"


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_the_system_is_asked_in_the_right_order(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tmlib import durable_files; "
        "durable_files.write(Path(sys.argv[1]), b'content')"
    )
    strace = ["strace", "-f", "-y", "-e", "write,fsync,fdatasync,rename,renameat,renameat2"]
    log = tmp_path / "log"
    traced = subprocess.run(
        [*strace, "-o", log, sys.executable, "-c", program, tmp_path / "file"],
        stderr=subprocess.PIPE,
        check=False,
    )
    if traced.returncode:
        pytest.skip(f"strace cannot be used here: {traced.stderr!r}")
    lines = [line for line in log.read_text().splitlines() if str(tmp_path) in line]
    names = [line.split("(")[0].split()[-1] for line in lines]
    assert [name[:6] for name in names] == ["write", "fsync", "rename", "fsync"]
    assert f"<{tmp_path}>" in lines[-1]


def test_folders_that_are_made_are_synced_into_their_parents(
    tmp_path: Path, steps: list[str]
) -> None:
    (tmp_path / "there").mkdir()
    durable_files.make_folder(tmp_path / "there" / "a" / "b")
    assert sorted(steps) == ["sync a", "sync there"]
    durable_files.make_folder(tmp_path / "there" / "a" / "b")
    assert len(steps) == 2


def test_a_moved_file_is_known_under_its_new_name_only(tmp_path: Path, steps: list[str]) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "one" / "file").write_text("content")
    durable_files.move(tmp_path / "one" / "file", tmp_path / "two" / "renamed")
    assert steps[0] == "file -> renamed"
    assert sorted(steps[1:]) == ["sync one", "sync two"]


def test_a_tree_appears_by_renaming_after_all_its_folders_are_synced(
    tmp_path: Path, steps: list[str]
) -> None:
    draft = durable_files.draft_of(tmp_path / "tree")
    durable_files.write(draft / "in" / "file", b"1", sync="content")
    steps.clear()
    durable_files.sync_tree(draft)
    durable_files.move(draft, tmp_path / "tree")
    assert steps == ["sync draft", "sync in", "draft -> tree", f"sync {tmp_path.name}"]
    assert (tmp_path / "tree" / "in" / "file").read_bytes() == b"1"


def test_a_folder_is_synced_once_for_many_files(tmp_path: Path, steps: list[str]) -> None:
    files = [tmp_path / str(number) for number in range(20)]
    for file in files:
        durable_files.write(file, b"", sync="content")
    steps.clear()
    durable_files.sync_folders(file.parent for file in files)
    assert steps == [f"sync {tmp_path.name}"]


@contextmanager
def no_room_when_synced() -> Iterator[None]:
    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        yield


@contextmanager
def no_room_when_written() -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize(
    ("full", "reason"),
    [(no_room_when_synced, errno.ENOSPC), (no_room_when_written, errno.EFBIG)],
)
def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, full: Callable[[], AbstractContextManager[None]], reason: int
) -> None:
    path = tmp_path / "file"
    durable_files.write(path, b"old")
    with full(), pytest.raises(OSError, match=os.strerror(reason)):
        durable_files.write(path, b"n" * 2000)
    assert entries(tmp_path) == ["file"]
    assert path.read_bytes() == b"old"


def test_an_error_while_writing_leaves_nothing(tmp_path: Path) -> None:
    def write_half() -> None:
        with durable_files.writing(tmp_path / "file") as file:
            file.write(b"half")
            file.flush()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert entries(tmp_path) == []


def test_what_is_in_the_way_stays(tmp_path: Path) -> None:
    (tmp_path / "folder" / "in").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        durable_files.write(tmp_path / "folder", b"")
    assert not durable_files.create(tmp_path / "folder", b"")
    assert entries(tmp_path) == ["folder"]


@pytest.mark.parametrize("name", NAMES)
def test_odd_names(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for content in (b"one", b"two"):
        durable_files.write(path, content)
        assert path.read_bytes() == content
    durable_files.link(path, tmp_path / "linked")
    durable_files.point(tmp_path / "pointing", name)
    assert (tmp_path / "linked").samefile(path)
    assert (tmp_path / "pointing").read_bytes() == b"two"
    assert entries(tmp_path) == sorted({name, "linked", "pointing"})
    assert not durable_files.create(path, b"three")
    assert path.read_bytes() == b"two"


def test_links_take_the_place_of_what_is_there(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    for _ in range(2):  # the second time it is the same file
        durable_files.link(tmp_path / "one", tmp_path / "two")
    assert (tmp_path / "two").read_text() == "one"
    durable_files.point(tmp_path / "two", "one")
    assert (tmp_path / "two").is_symlink()
    assert entries(tmp_path) == ["one", "two"]
    with pytest.raises(FileNotFoundError):
        durable_files.link(tmp_path / "none", tmp_path / "two")
    assert entries(tmp_path) == ["one", "two"]


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o666, None])
def test_rights(tmp_path: Path, mode: int | None) -> None:
    mask = os.umask(0o027)
    try:
        durable_files.write(tmp_path / "written", b"", mode=mode)
        durable_files.create(tmp_path / "created", b"", mode=mode)
    finally:
        os.umask(mask)
    for name in ("written", "created"):
        found = stat.S_IMODE((tmp_path / name).stat().st_mode)
        assert found == (0o640 if mode is None else mode)


def test_rights_are_there_before_the_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, rights = os.write, []

    def noting_write(descriptor: int, content: bytes) -> int:
        rights.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return write(descriptor, content)

    monkeypatch.setattr(os, "write", noting_write)
    durable_files.write(tmp_path / "secret", b"content", mode=0o600)
    assert rights == [0o600]


def test_many_writers_of_one_file(tmp_path: Path) -> None:
    contents = [bytes([number]) * 200_000 for number in range(16)]
    path = tmp_path / "file"

    def write_and_read(content: bytes) -> bytes:
        durable_files.write(path, content, sync="none")
        return path.read_bytes()

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(write_and_read, contents * 5))
    assert set(seen) <= set(contents)
    assert path.read_bytes() in contents
    assert entries(tmp_path) == ["file"]


def test_one_of_many_creates_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with ThreadPoolExecutor(8) as pool:
        created = list(pool.map(lambda n: durable_files.create(path, str(n)), range(40)))
    assert sum(created) == 1
    assert path.read_text() == str(created.index(True))
    assert entries(tmp_path) == ["file"]


def test_a_killed_writer_leaves_the_old_file(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from tmlib import durable_files\n"
        "with durable_files.writing(Path(sys.argv[1])) as file:\n"
        "    file.write(b'n' * 100_000)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    path = tmp_path / "values.parquet"
    durable_files.write(path, b"old")
    subprocess.run([sys.executable, "-c", program, path], check=False)
    assert path.read_bytes() == b"old"
    (draft,) = (other for other in tmp_path.iterdir() if other != path)
    assert draft.match(".values.parquet.*.tmp")


def test_text_is_utf8(tmp_path: Path) -> None:
    durable_files.write(tmp_path / "file", "ü\n")
    assert (tmp_path / "file").read_bytes() == b"\xc3\xbc\n"


def test_a_failed_sync_of_the_folder_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Any) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(durable_files, "sync_folder", fail)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        durable_files.write(tmp_path / "file", b"")
    assert entries(tmp_path) == ["file"]
