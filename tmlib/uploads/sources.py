"""Where files of acquisitions are read: in the data folder, or where they were registered.

A registered file is a link to a folder that others write to. What is there may have become a link
itself since it was registered, so it is checked again whenever it is read.
"""

from collections.abc import Sequence
from pathlib import Path

from tmlib import beneath
from tmlib.beneath import LeadsOut, Opened
from tmlib.errors import NotFound
from tmlib.images.reading import ImageFileError


def open_source(folder: Path, name: str, *, roots: Sequence[Path], data_dir: Path) -> Opened:
    """Open a file of an acquisition.

    Parameters
    ----------
    folder
        That of the acquisition, in the data folder.
    name
        Of the file.
    roots
        Folders that the administrator has opened for uploads.
    data_dir
        The data folder of the installation.

    Raises
    ------
    NotFound
        If it is not there any more, or has become a link to where uploads may not come from.
    """
    for root in (folder, *roots):
        try:
            found = beneath.open_below(root, folder / name)
        except OSError:
            continue
        if not found.is_folder and (root is folder or not _is_inside(found.path, data_dir)):
            return found
        found.close()
    raise NotFound(f'The file "{name}" is not there any more, or leads to where no files may be.')


def source_path(folder: Path, name: str, *, data_dir: Path) -> Path:
    """The path of a file of an acquisition, for libraries that open it by its name.

    Parameters
    ----------
    folder, name, data_dir
        As of :func:`open_source`.

    Raises
    ------
    ImageFileError
        If it has become a link to another file of the data folder, which is nobody's to read.
    """
    path = folder / name
    try:
        found = beneath.real(path)
        if _is_inside(found, data_dir) and not found.is_relative_to(beneath.real(folder)):
            raise LeadsOut
    except OSError:
        raise ImageFileError(
            path, "is a link to where uploads may not come from: put in its place what it was."
        ) from None
    return path


def _is_inside(path: Path, data_dir: Path) -> bool:
    return path.is_relative_to(beneath.real(data_dir))
