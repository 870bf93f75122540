"""The process that reads a file of arrays, with limits, as libraries written in C do it.

A file may be made to crash or to hang them, or to unpack without end: that ends this process alone.
The request comes as JSON on standard input. On standard output there is a line of JSON that tells
how it went, and how many bytes come after it, which are what is sent. What was not written as a
whole is known by them, and by how the process ends.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from tmlib.beneath import Opened
from tmlib.process_limits import limit_this_process

_MEMORY = 2 << 30
_OUTPUT = 512 << 20
_MOST_TEXT = 2_000


def main() -> None:
    """Answer the request."""
    request = json.loads(sys.stdin.buffer.read())
    limit_this_process(seconds=request["seconds"], memory=_MEMORY, output=_OUTPUT)
    # with the limits in place
    from tmlib.facility.arrays.entities import MissingError, UnfitError

    content = b""
    try:
        head, content = _answer(request)
    except MissingError as error:
        head = {"missing": _text(error)}
    except UnfitError as error:
        head = {"unfit": _text(error), "parameter": error.parameter}
    except Exception:  # noqa: BLE001 - whatever libraries say of a damaged file
        head = {}
    try:
        sys.stdout.buffer.write(json.dumps({**head, "size": len(content)}).encode() + b"\n")
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
    except OSError:
        os._exit(os.EX_IOERR)
    # closing a damaged file may crash as well
    os._exit(os.EX_OK)


def _answer(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    from tmlib.facility.arrays import answers

    opened = Opened(Path(request["path_of_file"]), request["descriptor"])
    file: Any
    if opened.is_folder:
        from tmlib.facility.arrays.zarr_folders import ZarrFolder

        file = ZarrFolder(opened)
    else:
        from tmlib.facility.arrays.hdf5 import Hdf5File

        file = Hdf5File(opened)
    answer = getattr(answers, request["what"])(file, request["path"], **request["arguments"])
    head = {"media_type": answer.media_type, "file_name": answer.file_name}
    return head, answer.content


def _text(error: Exception) -> str:
    """What an error says; names in it may have bytes that are no text, and be long."""
    return str(error).encode(errors="replace").decode()[:_MOST_TEXT]


if __name__ == "__main__":
    main()
