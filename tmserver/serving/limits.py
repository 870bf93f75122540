"""How long and how much a client may take of the web server: all of it is said here."""

from dataclasses import dataclass
from typing import Self

from tmlib.settings import Settings

SMALL_BODY = 64 * 1024
"""Largest body, in bytes, that is waited for before the application begins."""


@dataclass(frozen=True)
class Limits:
    """What a process of the web server allows.

    Attributes
    ----------
    connections
        How many there may be at a time.
    head_seconds
        How long the request line and the headers may take to arrive.
    slow_seconds
        How long 64 kB of a body, or the rest of it, may take to arrive, and 64 kB of an answer to
        be taken. Only waiting for the client counts.
    idle_seconds
        How long a connection is kept for a next request.
    linger_seconds
        How long a connection that is to be closed is read from, so that the client gets to see
        what was answered.
    target_bytes, head_bytes, field_bytes, fields
        Largest address of a request, largest head, largest header, most headers.
    pipelined
        How many requests may arrive before the first of them was answered.
    """

    connections: int = 2000
    head_seconds: float = 20
    slow_seconds: float = 60
    idle_seconds: int = 15
    linger_seconds: float = 2
    target_bytes: int = 64 * 1024
    head_bytes: int = 128 * 1024
    field_bytes: int = 16 * 1024
    fields: int = 100
    pipelined: int = 16

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The limits of an installation."""
        return cls(
            connections=settings.web_sockets,
            head_seconds=settings.head_seconds,
            slow_seconds=settings.slow_seconds,
        )
