"""A way to a server that breaks when so many bytes have gone over it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

_CHUNK = 16 * 1024


class BreakingProxy:
    """Passes connections on to a server.

    Attributes
    ----------
    url
        Its address.
    n_sent
        Bytes that clients have sent over it.
    limit
        After how many of them all connections break, and no new ones last; None for never.
    """

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (str(parts.hostname), int(parts.port or 80))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.n_sent = 0
        self.limit: int | None = None
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        """Pass nothing on any more; whoever has used it has closed their connections."""
        # wakes accept up, which closing alone does not
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            for thread in (
                threading.Thread(target=self._pass, args=(client, server, True)),
                threading.Thread(target=self._pass, args=(server, client, False)),
            ):
                self._threads.append(thread)
                thread.start()

    def _pass(self, source: socket.socket, target: socket.socket, is_sent: bool) -> None:
        with suppress(OSError):
            while content := source.recv(_CHUNK):
                if is_sent and not self._count(len(content)):
                    break
                target.sendall(content)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()

    def _count(self, n: int) -> bool:
        with self._lock:
            if self.limit is not None and self.n_sent + n > self.limit:
                self.limit = 0
                return False
            self.n_sent += n
            return True


@contextmanager
def breaking_proxy(target: str) -> Iterator[BreakingProxy]:
    """A proxy to a server for as long as the context lasts."""
    proxy = BreakingProxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
