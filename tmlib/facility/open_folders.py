"""Files of proposals in the folders that the administrator has opened.

Each of these has a folder for each proposal, named as it is. Nobody reaches what belongs to another
proposal, by whatever name or link, also if that is changed meanwhile.
"""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from tmlib import beneath
from tmlib.beneath import Opened
from tmlib.errors import NotFound


def open_files(
    proposal: str, paths: Collection[Path], roots: Sequence[Path], endings: Collection[str]
) -> Iterator[Opened]:
    """What of some paths is in the folders of a proposal; each is to be closed.

    Parameters
    ----------
    proposal
        Its name.
    paths
        Absolute, or from its folder on.
    roots
        The folders that are open.
    endings
        What names may end with, after all links are followed.

    Raises
    ------
    NotFound
        If it is there, and the server may not read it.
    """
    if not is_plain(proposal):
        return
    is_barred = False
    for root in roots:
        for path in paths:
            try:
                folder = beneath.real(root / proposal)
                found = beneath.open_below(root, folder / path, among=folder)
            except PermissionError:
                is_barred = True
            except OSError:
                continue
            else:
                if found.path.suffix in endings:
                    yield found
                else:
                    found.close()
    if is_barred:
        raise NotFound("The server may not read the file: give it the right to.")


def is_plain(name: str) -> bool:
    """Whether a name is that of something in a folder, and leads nowhere else."""
    return name not in ("", ".", "..") and "/" not in name and "\0" not in name
