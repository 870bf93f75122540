"""Tar archives, good ones and others."""

import io
import tarfile
from collections.abc import Mapping


def tar(files: Mapping[str, bytes], **options: object) -> bytes:
    """An archive of files."""
    return tar_of(
        [(member(name, len(content), **options), content) for name, content in files.items()]
    )


def member(name: str, size: int = 0, **attributes: object) -> tarfile.TarInfo:
    """What an archive tells of a file."""
    info = tarfile.TarInfo(name)
    info.size = size
    for key, value in attributes.items():
        setattr(info, key, value)
    return info


def tar_of(entries: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """An archive of members with their bytes."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, content in entries:
            archive.addfile(info, io.BytesIO(content))
    return target.getvalue()
