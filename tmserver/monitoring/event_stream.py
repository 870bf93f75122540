"""Server-sent events: how the state of things reaches those who listen to it."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flask import Response, stream_with_context
from sqlalchemy.exc import SQLAlchemyError

from tmlib.errors import Forbidden, NotFound, NotLoggedIn, TmError
from tmserver.monitoring.live import Listener, Moment

MEDIA_TYPE = "text/event-stream"
HEARTBEAT_SECONDS = 5.0
"""How often something is sent, and how often it is asked whether the listener still may listen."""

_RETRY_MILLISECONDS = 2000


def respond(
    listener: Listener,
    still_may: Callable[[], object],
    *,
    last_id: str | None = None,
    seconds: float | None = None,
) -> Response:
    """A response that lasts as long as the listener may listen.

    Parameters
    ----------
    listener
        Whose events are sent; it is closed at the end.
    still_may
        Raises an error of this product when the listener no longer may listen.
    last_id
        The state that the listener has; it is not sent again while it holds.
    seconds
        How long to send; 0 sends the present state alone.
    """
    events = _events(listener, still_may, last_id, seconds)
    response = Response(stream_with_context(events), mimetype=MEDIA_TYPE)
    # a proxy that collects answers would hold events back
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(listener.close)
    return response


def _events(
    listener: Listener, still_may: Callable[[], object], last_id: str | None, seconds: float | None
) -> Iterator[str]:
    end = None if seconds is None else time.monotonic() + seconds
    asked_at = time.monotonic()
    seen: Moment | None = None
    yield f"retry: {_RETRY_MILLISECONDS}\n\n"
    while not listener.is_over:
        # the first state is always waited for
        rest = HEARTBEAT_SECONDS if end is None or seen is None else end - time.monotonic()
        if rest <= 0:
            return
        found = listener.wait(seen, min(HEARTBEAT_SECONDS, rest))
        if time.monotonic() - asked_at > HEARTBEAT_SECONDS:
            asked_at = time.monotonic()
            reason = _refusal(still_may)
            if reason is not None:
                yield _event("end", {"message": reason})
                return
        if found is None or (seen is not None and found.id == seen.id):
            yield ": nothing new\n\n"
        elif seen is not None:
            yield _event("change", found.since(seen), found.id)
        elif found.id != last_id:
            yield _event("state", found.content, found.id)
        seen = found


def _refusal(still_may: Callable[[], object]) -> str | None:
    """Why the listener no longer may listen."""
    try:
        still_may()
    except (NotLoggedIn, Forbidden, NotFound) as error:
        return error.message
    except (TmError, SQLAlchemyError):
        # nobody can tell at the moment: it is asked again
        return None
    return None


def _event(name: str, content: Mapping[str, Any], number: str | None = None) -> str:
    lines = [f"event: {name}"]
    if number is not None:
        lines.append(f"id: {number}")
    # JSON has no line breaks of its own
    lines.append(f"data: {json.dumps(content, separators=(',', ':'))}")
    return "\n".join(lines) + "\n\n"
