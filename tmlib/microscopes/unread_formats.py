"""Kinds of files that hold images and are not read, and what to do with them."""

from collections.abc import Sequence
from pathlib import PurePosixPath

_CONVERT = (
    "export the images as TIFF with the microscope's software, or convert them to OME-TIFF with "
    "bfconvert of Bio-Formats"
)
_LOSSY = "which changes gray values: export the images as TIFF"
_UNPACK = "unpack it and upload the folder"
_KINDS: dict[str, tuple[str, str]] = {
    **dict.fromkeys((".c01", ".dib"), ("Cellomics's own format", _CONVERT)),
    **dict.fromkeys((".flex", ".mea", ".res"), ("the Opera's own format", _CONVERT)),
    **dict.fromkeys((".vsi", ".ets", ".oib", ".oif", ".oir", ".poir"), ("of Olympus", _CONVERT)),
    **dict.fromkeys((".mrxs", ".mrx"), ("of 3DHISTECH", _CONVERT)),
    **dict.fromkeys((".svs", ".scn", ".ndpi", ".vms"), ("of slide scanners", _CONVERT)),
    **dict.fromkeys((".sld", ".sldy", ".spl"), ("of SlideBook", _CONVERT)),
    **dict.fromkeys((".lsm", ".zvi"), ("older files of Zeiss", _CONVERT)),
    **dict.fromkeys((".lof", ".xlef", ".xlif", ".lei"), ("of Leica", _CONVERT)),
    **dict.fromkeys((".dv", ".r3d", ".d3d"), ("of DeltaVision", _CONVERT)),
    **dict.fromkeys((".mvd2", ".acff", ".aiff"), ("of Volocity", _CONVERT)),
    **dict.fromkeys((".ims", ".ids", ".ics", ".h5", ".hdf5", ".ch5"), ("not read", _CONVERT)),
    **dict.fromkeys((".raw", ".dcm", ".mrc", ".fits", ".nrrd"), ("not read", _CONVERT)),
    **dict.fromkeys((".jpg", ".jpeg", ".jp2", ".gif", ".webp"), ("compressed with loss", _LOSSY)),
    **dict.fromkeys((".avi", ".mp4", ".mov"), ("films", _LOSSY)),
    **dict.fromkeys((".zip", ".rar", ".7z", ".tar", ".gz", ".tgz"), ("archives", _UNPACK)),
}


def is_unread(file_name: str) -> bool:
    """Whether a name is that of a file that holds images and is not read."""
    return _suffix(file_name) in _KINDS


def explain(file_names: Sequence[str]) -> str | None:
    """Which of some files are of kinds that are not read, and what to do; None if none is."""
    suffixes = dict.fromkeys(PurePosixPath(name).suffix for name in file_names if is_unread(name))
    if not suffixes:
        return None
    kind, way = _KINDS[next(iter(suffixes)).lower()]
    listed = " and ".join(dict.fromkeys(suffixes))
    what = "" if kind == "not read" else f" ({kind})"
    return f"{listed} files{what} are not read: {way}"


def _suffix(file_name: str) -> str:
    return PurePosixPath(file_name).suffix.lower()
