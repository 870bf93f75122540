"""A directory that answers as a test says, also in ways that no OpenLDAP can be brought to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedIOBase, BytesIO
from socketserver import StreamRequestHandler, ThreadingTCPServer

# tags of what is read and written, in the form of RFC 4511
_TEXT, _ENUMERATED, _SEQUENCE, _SET = 0x04, 0x0A, 0x30, 0x31
_BIND, _BIND_DONE, _SEARCH, _SEARCH_ENTRY, _SEARCH_DONE = 0x60, 0x61, 0x63, 0x64, 0x65

Entry = tuple[str, dict[str, list[str]]]
"""A distinguished name, and values by the names of attributes."""


@dataclass
class ScriptedDirectory:
    """What is answered; everything that is not said is a success, and finds nothing.

    Attributes
    ----------
    url
        Where it listens.
    entries
        What searches find, by their bases.
    logins
        Result codes of logins, by distinguished names.
    searches
        Result codes of searches, by their bases.
    """

    url: str
    entries: dict[str, list[Entry]] = field(default_factory=dict)
    logins: dict[str, int] = field(default_factory=dict)
    searches: dict[str, int] = field(default_factory=dict)


@contextmanager
def running_scripted_directory() -> Iterator[ScriptedDirectory]:
    """A directory on this machine, of which nothing is said yet."""

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            while (message := _read(self.rfile)) is not None:
                parts = BytesIO(message[1])
                number, operation = _read(parts), _read(parts)
                assert number is not None
                assert operation is not None
                for answer in _answers(directory, *operation):
                    self.wfile.write(_element(_SEQUENCE, _element(*number), answer))

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        directory = ScriptedDirectory(f"ldap://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield directory
        finally:
            server.shutdown()
            thread.join()


def _answers(directory: ScriptedDirectory, operation: int, content: bytes) -> Iterator[bytes]:
    texts = _texts(content)
    if operation == _BIND:
        yield _result(_BIND_DONE, directory.logins.get(texts[0], 0))
    elif operation == _SEARCH:
        for name, attributes in directory.entries.get(texts[0], []):
            told = (
                _element(_SEQUENCE, _text(one), _element(_SET, *map(_text, values)))
                for one, values in attributes.items()
            )
            yield _element(_SEARCH_ENTRY, _text(name), _element(_SEQUENCE, *told))
        yield _result(_SEARCH_DONE, directory.searches.get(texts[0], 0))


def _texts(content: bytes) -> list[str]:
    """The texts among the parts of an operation, of which the first is what it is about."""
    parts = BytesIO(content)
    return [value.decode() for tag, value in iter(lambda: _read(parts), None) if tag == _TEXT]


def _read(stream: BufferedIOBase) -> tuple[int, bytes] | None:
    """The tag and the content of the next element, if there is one."""
    head = stream.read(2)
    if len(head) < 2:
        return None
    tag, size = head
    if size > 0x7F:  # the length of the length
        size = int.from_bytes(stream.read(size & 0x7F), "big")
    return tag, stream.read(size)


def _element(tag: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    return bytes([tag, 0x84]) + len(content).to_bytes(4, "big") + content


def _text(value: str) -> bytes:
    return _element(_TEXT, value.encode())


def _result(tag: int, code: int) -> bytes:
    return _element(tag, _element(_ENUMERATED, bytes([code])), _text(""), _text(""))
