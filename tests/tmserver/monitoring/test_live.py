"""One look a second for all who listen, and none when nobody does."""

import threading
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from tmserver.monitoring.live import Listener, Live, Moment, TooManyListeners, Topic

WAIT_SECONDS = 60


class Counting:
    """A state that says how often it was looked at, and whose look can be held or fail."""

    def __init__(self) -> None:
        self.n_looks = 0
        self.topics: list[Topic] = []
        self.fails = False
        self.value = "first"

    def __call__(self, topics: Iterable[Topic]) -> dict[Topic, dict[str, Any]]:
        self.topics = list(topics)
        self.n_looks += 1
        if self.fails:
            raise RuntimeError("The database is away.")
        return {topic: {"topic": str(topic), "value": self.value} for topic in self.topics}


@pytest.fixture
def look() -> Counting:
    return Counting()


@pytest.fixture
def live(look: Counting) -> Iterator[Live]:
    live = Live(look, max_listeners=20)
    yield live
    live.close()


def heard(listener: Listener, seen: Moment | None = None) -> Moment:
    found = listener.wait(seen, WAIT_SECONDS)
    assert found is not None
    assert seen is None or found.id != seen.id
    return found


def test_all_who_listen_share_one_look(live: Live, look: Counting) -> None:
    listeners = [live.listen(None) for _ in range(20)]
    moments = [heard(listener) for listener in listeners]
    assert look.n_looks == 1
    assert {id(moment) for moment in moments} == {id(moments[0])}
    look.value = "second"
    later = [heard(listener, moments[0]) for listener in listeners]
    assert {id(moment) for moment in later} == {id(later[0])}
    assert later[0].since(moments[0]) == {"value": "second"}
    assert look.n_looks <= 3


def test_one_look_is_for_all_topics_and_ends_with_the_last_listener(
    live: Live, look: Counting
) -> None:
    others = set(threading.enumerate())
    one, other = live.listen(7), live.listen(8)
    assert heard(one).content["topic"] == "7"
    assert heard(other).content["topic"] == "8"
    one.close()
    one.close()
    assert heard(other).content["topic"] == "8"
    other.close()
    [thread] = set(threading.enumerate()) - others
    thread.join(WAIT_SECONDS)
    assert not thread.is_alive()
    n_looks = look.n_looks
    assert heard(live.listen(8)).content["topic"] == "8"
    assert look.n_looks == n_looks + 1


def test_a_slow_listener_gets_all_changes_in_one(live: Live, look: Counting) -> None:
    slow, quick = live.listen(None), live.listen(None)
    first = heard(slow)
    moment = first
    for look.value in ("second", "third"):
        moment = heard(quick, moment)
    assert heard(slow, first).since(first) == {"value": "third"}


def test_more_than_may_are_refused_until_one_leaves(live: Live) -> None:
    listeners = [live.listen(number) for number in range(20)]
    with pytest.raises(TooManyListeners, match="20 listen"):
        live.listen(None)
    listeners[0].close()
    live.listen(None)


def test_a_look_that_fails_is_repeated(live: Live, look: Counting) -> None:
    look.fails = True
    listener = live.listen(None)
    while look.n_looks == 0:
        assert listener.wait(None, 0.05) is None
    look.fails = False
    assert heard(listener).content["value"] == "first"


def test_the_same_state_has_the_same_id_everywhere() -> None:
    one = Moment.of({"a": 1, "b": {"c": 2}}, None)
    other = Moment.of({"b": {"c": 2}, "a": 1}, Moment.of({}, None))
    assert one.id == other.id


def test_those_who_wait_are_woken_when_the_server_ends(live: Live) -> None:
    listener = live.listen(None)
    moment = heard(listener)
    live.close()
    assert listener.wait(moment, WAIT_SECONDS) is moment
    assert listener.is_over
