"""Files that are written before they are kept, and what is noted of them."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tmlib import digests, durable_files
from tmlib.portal.files import FileStore, files_below

Content = dict[str, Any]
"""What rows will tell of something that was written; JSON."""


@contextmanager
def drafts(folder: Path) -> Iterator[Path]:
    """A folder for files that are not kept yet; one of a killed process is removed with all others.

    Parameters
    ----------
    folder
        Has those of the publication.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as draft:
        yield Path(draft)


def keep(store: FileStore, bucket: Path) -> list[list[Any]]:
    """Keep all files that are in a folder; gives the key, the size and the digest of each."""
    kept = [store.keep(key, path) for key, path in files_below(bucket)]
    store.sync(kept)
    return [[file.key, file.size, file.digest] for file in kept]


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write metadata, the same content the same way."""
    durable_files.write(path, _text(content), sync="none")


def written(content: Mapping[str, Any]) -> tuple[int, str]:
    """Size and digest of the file that `write_json` writes."""
    text = _text(content).encode()
    return len(text), digests.digest_of(text)


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False)
