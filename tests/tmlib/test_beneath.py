"""What is opened below a folder is there, whatever is made of the names meanwhile."""

import errno
import os
import socket
import threading
from pathlib import Path

import pytest

from tmlib import beneath
from tmlib.beneath import LeadsOut


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that is open, beside one that is not."""
    for name in ("open/mine", "open/others", "closed"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").write_text(name)
    return tmp_path / "open"


def read(folder: Path, path: Path, among: Path | None = None) -> str:
    with beneath.open_below(folder, path, among=among).reader() as file:
        return file.read().decode()


def test_links_are_followed_as_long_as_they_stay_below(folder: Path) -> None:
    mine = folder / "mine"
    (mine / "near").symlink_to("file")
    (mine / "absolute").symlink_to(mine / "file")
    (mine / "far").symlink_to(folder / "others" / "file")
    (folder / "moved").symlink_to("mine")
    (folder.parent / "alias").symlink_to(folder)
    for name in ("file", "near", "absolute", "../mine/file"):
        assert read(folder, mine / name, mine) == "open/mine"
    assert read(folder.parent / "alias", folder / "moved" / "file", folder / "moved") == "open/mine"
    assert read(folder, mine / "far") == "open/others"
    with beneath.open_below(folder, mine) as found:
        assert (found.is_folder, found.path) == (True, mine)
        with beneath.open_in(found, "near").reader() as file:
            assert file.read() == b"open/mine"
        for out in ("far", "..", "../others/file", str(folder / "others" / "file")):
            with pytest.raises(LeadsOut):
                beneath.open_in(found, out)
    with pytest.raises(LeadsOut):
        beneath.open_below(folder, mine / "far", among=mine)
    (folder / "theirs").symlink_to(folder.parent / "closed")
    with pytest.raises(LeadsOut):
        beneath.open_below(folder, folder / "theirs" / "file", among=folder / "theirs")


def test_what_cannot_be_opened_is_an_error_of_the_system(folder: Path) -> None:
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(folder / "socket"))
    for name in (
        "loop",
        "loop/x",
        "n" * 300,
        "pipe",
        "socket",
        "mine/file/x",
        "nothing",
        "\0",
        "\ud800",
    ):
        with pytest.raises(OSError):  # noqa: PT011 - which one is the system's matter
            beneath.open_below(folder, folder / name)
    with pytest.raises(LeadsOut):
        beneath.open_below(Path("/dev"), Path("/dev/null"))


def test_no_link_is_followed_that_has_just_been_made(folder: Path) -> None:
    """Somebody changes a file and a folder to links out of the folder and back, all the time."""
    mine, closed = folder / "mine", folder.parent / "closed"
    place, aside = mine / "file", mine / "aside"
    deep, deep_aside = mine / "deep", mine / "deep_aside"
    deep.mkdir()
    (deep / "file").write_text("open/mine")
    (mine / "link").symlink_to(closed / "file")
    (mine / "folder_link").symlink_to(closed)
    is_over = threading.Event()

    def swap(name: Path, kept: Path, link: Path) -> None:
        name.rename(kept)
        link.rename(name)
        name.rename(link)
        kept.rename(name)

    def change() -> None:
        while not is_over.is_set():
            swap(place, aside, mine / "link")
            swap(deep, deep_aside, mine / "folder_link")

    found = set()
    changing = threading.Thread(target=change)
    changing.start()
    try:
        for _ in range(1000):
            for path in (place, deep / "file"):
                try:
                    found.add(read(folder, path))
                except OSError as error:
                    assert error.errno in (  # noqa: PT017 - any of them will do
                        errno.ENOENT,
                        errno.EXDEV,
                        errno.ENOTDIR,
                        errno.ELOOP,
                    )
    finally:
        is_over.set()
        changing.join()
    assert found <= {"open/mine"}
