"""What a request looks like to a WSGI application."""

import sys
from collections.abc import Mapping
from typing import IO, Any
from urllib.parse import unquote_to_bytes

from werkzeug.wsgi import FileWrapper

from tmserver.serving.refusals import MALFORMED, RefusedError

_FILE_PIECE = 256 * 1024
_NAMES = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}
_SINGLE = frozenset({b"host", b"authorization", b"content-type", b"content-length"})


def environ_of(scope: Mapping[str, Any]) -> dict[str, Any]:
    """The environment of a request, without its body.

    Parameters
    ----------
    scope
        The request as ASGI describes it.

    Raises
    ------
    RefusedError
        If a header is there twice that must not be.
    """
    host, port = scope["server"] or ("localhost", 80)
    client = scope["client"] or ("", 0)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or 80),
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        # the end of the body is known to who reads it, whatever the headers say
        "wsgi.input_terminated": True,
        "wsgi.file_wrapper": _wrap_file,
    }
    for name, value in scope["headers"]:
        _add(environ, name, value.decode("latin-1"))
    return environ


def _add(environ: dict[str, Any], name: bytes, value: str) -> None:
    if b"_" in name:
        # it would pass for the header with dashes, which proxies watch over
        return
    key = _NAMES.get(name) or f"HTTP_{name.decode('latin-1').upper().replace('-', '_')}"
    if key not in environ:
        environ[key] = value
    elif name in _SINGLE:
        raise RefusedError(MALFORMED)
    else:
        separator = "; " if name == b"cookie" else ","
        environ[key] += separator + value


def _wrap_file(file: IO[bytes], piece: int = _FILE_PIECE) -> FileWrapper:
    """A file in large pieces, each of which is asked for on its own."""
    return FileWrapper(file, max(piece, _FILE_PIECE))
