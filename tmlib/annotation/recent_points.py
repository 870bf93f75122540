"""Points that were asked for lately: viewers ask for many parts of the same at once."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

from tmlib.annotation.precomputed import Points
from tmlib.errors import Busy

_MOST_POINTS = 4_000_000
_PATIENCE = 1.0  # small tables are read by then, and threads of a web server are few


class RecentPoints:
    """Keeps points of several tables, as many as memory is meant for, for all threads.

    Those of one table are made at a time, as that takes much memory and time.

    Parameters
    ----------
    most
        How many points are kept in all; those that were asked for last are in any case.
    patience
        How long to wait for others that are being made, in seconds.
    """

    def __init__(self, most: int = _MOST_POINTS, patience: float = _PATIENCE) -> None:
        self._most, self._patience = most, patience
        self._kept: OrderedDict[Hashable, Points] = OrderedDict()
        self._lock = threading.Lock()
        self._making = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Points]) -> Points:
        """The points of a key, which are made if they are not there, by one of all who ask.

        Raises
        ------
        Busy
            If they are not there, and making these or others takes longer than this can wait.
        """
        if (points := self._find(key)) is not None:
            return points
        if not self._making.acquire(timeout=self._patience):
            raise Busy("Points of a large table are just being read: try again in a moment.")
        try:
            if (points := self._find(key)) is None:
                points = make()
                self._keep(key, points)
            return points
        finally:
            self._making.release()

    def _find(self, key: Hashable) -> Points | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def _keep(self, key: Hashable, points: Points) -> None:
        with self._lock:
            self._kept[key] = points
            while len(self._kept) > 1 and sum(map(len, self._kept.values())) > self._most:
                self._kept.popitem(last=False)
