"""Files of proposals in the folders that the administrator has opened.

Each of these has a folder for each proposal, named as it is. Nobody reaches what belongs to another
proposal, by whatever name or link.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path


def folders_of(proposal: str, roots: Sequence[Path]) -> Iterator[Path]:
    """The folders of a proposal, after all links are followed."""
    if not is_plain(proposal):
        return
    for root in roots:
        folder = (root / proposal).resolve()
        if folder.is_relative_to(root.resolve()):
            yield folder


def is_plain(name: str) -> bool:
    """Whether a name is that of something in a folder, and leads nowhere else."""
    return name not in ("", ".", "..") and "/" not in name and "\0" not in name
