"""The present state of things, looked at once a second for all who listen in this process."""

import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from tmlib.digests import digest_of
from tmlib.errors import Unavailable
from tmserver.monitoring.merge_patch import merge_patch

logger = logging.getLogger(__name__)

_PERIOD_SECONDS = 1.0
_SHARE = 0.2

Topic = int | None
"""The experiment that somebody listens to, or None for the whole installation."""

Look = Callable[[Iterable[Topic]], Mapping[Topic, dict[str, Any]]]


class TooManyListeners(Unavailable):
    """The process keeps as many event streams as it may."""

    retry_after: ClassVar[int] = 10


@dataclass(frozen=True)
class Moment:
    """A state: what is in it, a name for that, and how it differs from the one before.

    ``id`` is made from the content, so that it means the same in every process.
    """

    content: Mapping[str, Any]
    id: str
    before: str = ""
    change: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, content: Mapping[str, Any], before: "Moment | None") -> "Moment":
        """The moment with a content, which follows another one."""
        name = digest_of(json.dumps(content, sort_keys=True), 16)
        if before is None:
            return cls(content, name)
        return cls(content, name, before.id, merge_patch(before.content, content))

    def since(self, seen: "Moment") -> Mapping[str, Any]:
        """What has changed since another moment, as merge patch."""
        if self.change is not None and self.before == seen.id:
            return self.change
        return merge_patch(seen.content, self.content)


class Live:
    """Looks at what is listened to, and wakes the listeners when it has changed.

    However many listen, there is one look a second; when looks take long, there are fewer. It
    happens in a thread that is there only while somebody listens.

    Parameters
    ----------
    look
        Tells the state of topics, as JSON without nulls.
    max_listeners
        How many may listen at the same time: each holds a thread of the web server.
    """

    def __init__(self, look: Look, max_listeners: int) -> None:
        self._look = look
        self._max_listeners = max_listeners
        self._changed = threading.Condition()
        self._listeners: Counter[Topic] = Counter()
        self._moments: dict[Topic, Moment] = {}
        self._is_looking = False
        self.is_closed = False

    def listen(self, topic: Topic) -> "Listener":
        """Begin to listen; the listener must be closed.

        Raises
        ------
        TooManyListeners
            If so many listen already.
        """
        with self._changed:
            if self._listeners.total() >= self._max_listeners:
                raise TooManyListeners(
                    f"{self._max_listeners} listen to this server process already: try again "
                    "later, or let the administrator raise TM_LIVE_LISTENERS."
                )
            self._listeners[topic] += 1
            if not self._is_looking:
                self._is_looking = True
                threading.Thread(target=self._run, name="live", daemon=True).start()
        return Listener(self, topic)

    def close(self) -> None:
        """Let all listeners end; takes no lock, so that a signal handler may call it."""
        self.is_closed = True

    def wait(self, topic: Topic, seen: Moment | None, seconds: float) -> Moment | None:
        """The state of a topic, as soon as it is another one than that seen before."""
        with self._changed:
            self._changed.wait_for(lambda: self._has_news(topic, seen), seconds)
            return self._moments.get(topic)

    def _has_news(self, topic: Topic, seen: Moment | None) -> bool:
        found = self._moments.get(topic)
        is_new = found is not None and (seen is None or found.id != seen.id)
        return is_new or self.is_closed

    def leave(self, topic: Topic) -> None:
        """One listener fewer."""
        with self._changed:
            self._listeners[topic] -= 1
            if not self._listeners[topic]:
                del self._listeners[topic]
                self._moments.pop(topic, None)

    def _run(self) -> None:
        while True:
            with self._changed:
                topics = list(self._listeners)
                if not topics or self.is_closed:
                    self._is_looking = False
                    self._changed.notify_all()
                    return
            started = time.monotonic()
            try:
                self._publish(self._look(topics))
            except Exception:  # the database may be away for a while; listeners wait
                logger.exception("The state for those who listen could not be looked at.")
            taken = time.monotonic() - started
            time.sleep(max(_PERIOD_SECONDS - taken, taken / _SHARE - taken))

    def _publish(self, found: Mapping[Topic, dict[str, Any]]) -> None:
        with self._changed:
            for topic, content in found.items():
                before = self._moments.get(topic)
                if topic in self._listeners and (before is None or before.content != content):
                    self._moments[topic] = Moment.of(content, before)
            self._changed.notify_all()


class Listener:
    """Somebody who listens to a topic."""

    def __init__(self, live: Live, topic: Topic) -> None:
        self._live = live
        self._topic = topic
        self._is_open = True

    @property
    def is_over(self) -> bool:
        """Whether the server process ends."""
        return self._live.is_closed

    def wait(self, seen: Moment | None, seconds: float) -> Moment | None:
        """The present state, as soon as it is another one than that seen before.

        Parameters
        ----------
        seen
            What the listener knows.
        seconds
            How long to wait; then it is the same one, or None if there was none yet.
        """
        return self._live.wait(self._topic, seen, seconds)

    def close(self) -> None:
        """End listening; may be called again."""
        if self._is_open:
            self._is_open = False
            self._live.leave(self._topic)
