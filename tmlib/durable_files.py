"""How files are put in place: whole or not at all, and still there after a power failure.

A file is written under another name in the same folder, a *draft*, and then takes the name that it
is known by. Each step guards against something of its own:

1. The draft is in the same folder, because only within a file system does a rename put one file in
   the place of another in one step. Whoever reads meanwhile finds the old file or the new one.
2. The draft is synced before it is renamed. A file system may keep a rename and lose the bytes
   that were written before it: after a power failure the name would stand for an empty file.
3. The folder is synced after the rename, or the name may be lost and the old file be back.
   Folders that had to be made are names in their parents, which are synced too.

When the disk is full, writing fails, or only the sync, because many file systems find room for
bytes no earlier than that. Then the draft is removed, and what had the name has it still. A sync
that failed is not tried again: the system may have dropped what it could not write, and would call
the second attempt a success.

A process that is killed leaves its draft behind. Drafts are hidden files with random names, so
nobody takes one for a file, and writers never meet in one. What they fill is found by whoever
sweeps the folder: a draft holds the name of its file and ends with ``.tmp``.

No other module renames or syncs (a test says so), except where it is explained there.
"""

import contextlib
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import IO, BinaryIO, Literal

Sync = Literal["all", "content", "none"]
"""What is on the disk when a file has been put in place.

``all``
    The file and its name: it is there after a power failure.
``content``
    The file. After a power failure it is there, whole, or it is not: for what can be made again.
``none``
    Nothing. After a power failure it may be there without its bytes: for what nobody reads then.

However it is, a file is whole for all processes of a machine that runs on.
"""

_MAX_NAME_BYTES = 255


@contextmanager
def writing(path: Path, *, sync: Sync = "all") -> Iterator[BinaryIO]:
    """Open a file for writing that appears at the end of the context, whole, or never.

    Its folder is made if it is not there. What has the name already is replaced at the end.

    Parameters
    ----------
    path
        Where the file appears.
    sync
        What is on the disk at the end.

    Raises
    ------
    OSError
        If the disk is full, for example; `path` is then as it was, and so is the folder.
    """
    with (
        _drafting(path, None, sync, None) as descriptor,
        open(descriptor, "wb", closefd=False) as file,
    ):
        yield file


def write(
    path: Path,
    content: bytes | str,
    *,
    mode: int | None = None,
    sync: Sync = "all",
    draft: Path | None = None,
) -> None:
    """Write a whole file, text as UTF-8; see :func:`writing`.

    Parameters
    ----------
    path
        Where the file appears.
    content
        All that is in it.
    mode
        Rights of the file, whatever the process takes away from others; by default those that
        the process gives.
    sync
        What is on the disk at the end.
    draft
        What the file is called before, where only one process at a time writes it: what a killed
        one leaves is overwritten then by the next. By default a name that no other file has.
    """
    rest = memoryview(content.encode() if isinstance(content, str) else content)
    with _drafting(path, mode, sync, draft) as descriptor:
        while rest:
            rest = rest[os.write(descriptor, rest) :]


def create(path: Path, content: bytes | str, *, mode: int | None = None) -> bool:
    """Write a file unless there is one; of several that try at once, one succeeds.

    Returns
    -------
    bool
        Whether it was this one. In either case a whole file is there, for good.
    """
    draft = draft_of(path)
    try:
        write(draft, content, mode=mode, sync="content")
        os.link(draft, path)
        is_new = True
    except FileExistsError:
        is_new = False
    finally:
        _discard(draft)
    sync_folder(path.parent)
    return is_new


def move(source: Path, target: Path, *, sync: Sync = "all") -> None:
    """Give a file or a folder another name; a file may take another one's place.

    What is in it has to be on the disk already: files that were written by :func:`writing` are,
    for others there are :func:`sync_file` and :func:`sync_tree`.

    Parameters
    ----------
    source, target
        Names in one file system.
    sync
        With ``all``, neither is forgotten: that it has the new name, and has the old one no more.
    """
    os.replace(source, target)  # noqa: PTH105 - the one place that does
    if sync == "all":
        sync_folders({target.parent, source.parent})


def link(source: Path, target: Path, *, draft: Path | None = None) -> None:
    """Give a file a second name, in the place of what may have it; its folder is not synced.

    Parameters
    ----------
    source, target
        Names in one file system.
    draft
        What the second name is at first, where only one process at a time does this: a killed one
        leaves nothing then that the next does not take over. By default a name of its own.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    OSError
        If the file system cannot do that.
    """
    draft = draft or draft_of(target)
    draft.unlink(missing_ok=True)
    os.link(source, draft)
    _place(draft, target)


def point(path: Path, destination: str) -> None:
    """Make a symbolic link, in the place of what may be there; its folder is not synced."""
    draft = draft_of(path)
    draft.symlink_to(destination)
    _place(draft, path)


def make_folder(folder: Path, *, mode: int = 0o777) -> None:
    """Make a folder, and those that it is in, so that they are there after a power failure."""
    missing = list(takewhile(lambda one: not one.is_dir(), (folder, *folder.parents)))
    if missing:
        folder.mkdir(mode, parents=True, exist_ok=True)
        sync_folders(one.parent for one in missing)


def sync_file(file: IO[bytes]) -> None:
    """Wait until all that was written to a file is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folders(folders: Iterable[Path]) -> None:
    """Wait until the names in several folders are on the disk, each synced once.

    After many files were put in place with ``sync="content"`` this takes as long as for one.
    """
    for folder in dict.fromkeys(folders):
        sync_folder(folder)


def sync_tree(folder: Path) -> None:
    """Wait until the names in a folder, and in all folders in it, are on the disk."""
    sync_folders(Path(one) for one, _, _ in os.walk(folder))


def draft_of(path: Path) -> Path:
    """A name in the folder of a file that no other file has: for what will take its place."""
    name = f".{path.name}.{secrets.token_hex(8)}.tmp"
    if len(os.fsencode(name)) > _MAX_NAME_BYTES:
        name = f".{secrets.token_hex(8)}.tmp"
    return path.with_name(name)


@contextmanager
def _drafting(path: Path, mode: int | None, sync: Sync, draft: Path | None) -> Iterator[int]:
    """The descriptor of a new file that takes its place when all is written to it."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | (os.O_TRUNC if draft else os.O_EXCL)
    draft = draft or draft_of(path)
    try:
        descriptor = _open(draft, flags, mode)
        try:
            yield descriptor
            if sync != "none":
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(draft, path)  # noqa: PTH105 - the one place that does
    except BaseException:
        _discard(draft)
        raise
    if sync == "all":
        sync_folder(path.parent)


def _open(draft: Path, flags: int, mode: int | None) -> int:
    """Open a draft; its folder is looked for only when it is not there."""
    rights = 0o666 if mode is None else mode
    try:
        descriptor = os.open(draft, flags, rights)
    except FileNotFoundError:
        make_folder(draft.parent)
        descriptor = os.open(draft, flags, rights)
    if mode is not None:
        os.fchmod(descriptor, mode)
    return descriptor


def _place(draft: Path, path: Path) -> None:
    try:
        os.replace(draft, path)  # noqa: PTH105 - the one place that does
    finally:
        _discard(draft)  # stays if both were names of one file already


def _discard(draft: Path) -> None:
    # what is raised already says more than that a draft is left
    with contextlib.suppress(OSError):
        draft.unlink(missing_ok=True)
