"""What clients may send and take: each of them real, most of them slow or wrong."""

import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.tmserver.serving.conftest import PATIENCE, read_all, serving
from tmserver.serving.limits import SMALL_BODY, Limits

HURRIED = Limits(head_seconds=1, slow_seconds=1, connections=40)
GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
START = b"POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"


def echo(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """Answers with what was sent."""
    content = environ["wsgi.input"].read()
    start("200 OK", [("Content-Length", str(len(content)))])
    return [content]


def tell(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """Answers with what is known of a request."""
    found = {name: value for name, value in environ.items() if isinstance(value, str)}
    content = json.dumps(found).encode()
    start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(content)))])
    return [content]


def error_of(answer: bytes) -> dict[str, Any]:
    head, _, content = answer.partition(b"\r\n\r\n")
    assert b"application/json" in head
    found: dict[str, Any] = json.loads(content)["error"]
    assert head.startswith(b"HTTP/1.1 %d " % found["status_code"])
    return found


def content_of(answer: bytes) -> bytes:
    head, _, content = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), answer
    return content


def test_clients_that_send_half_a_head_keep_nobody_out() -> None:
    with serving(echo, HURRIED) as door, ExitStack() as stack:
        slow = [stack.enter_context(door.connect(GET[:20])) for _ in range(30)]
        assert content_of(door.answer(LAST)) == b""
        for connection in slow:
            assert error_of(read_all(connection))["status_code"] == 408


def test_a_head_that_trickles_is_not_waited_for() -> None:
    with serving(echo, HURRIED) as door, door.connect(b"GET /") as connection:
        connection.settimeout(0.1)
        answer = b""
        while not answer:
            try:
                connection.sendall(b"a")
                answer = connection.recv(65536)
            except TimeoutError:
                continue
        connection.settimeout(PATIENCE)
        assert error_of(answer + read_all(connection))["type"] == "RequestTimeout"


def test_empty_lines_and_silence_do_not_keep_a_connection() -> None:
    with serving(echo, HURRIED) as door:
        for first in (b"", b"\r\n"):
            assert door.answer(first) == b""


def test_who_waits_longest_goes_when_there_are_too_many() -> None:
    limits = Limits(connections=5)
    with serving(echo, limits) as door, ExitStack() as stack:
        waiting = [stack.enter_context(door.connect(GET[:-2])) for _ in range(20)]
        assert content_of(door.answer(LAST)) == b""
        assert read_all(waiting[0]) == b""
        waiting[-1].sendall(b"\r\n")
        assert waiting[-1].recv(100).startswith(b"HTTP/1.1 200 ")


def test_more_than_can_be_answered_are_told_so() -> None:
    release = threading.Event()
    all_busy = threading.Barrier(4)

    def wait(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        all_busy.wait(PATIENCE)
        release.wait(PATIENCE)
        return echo(environ, start)

    with serving(wait, Limits(connections=3), threads=3) as door, ExitStack() as stack:
        busy = [stack.enter_context(door.connect(LAST)) for _ in range(3)]
        all_busy.wait(PATIENCE)
        answers = [door.answer(b"") for _ in range(2)]
        release.set()
        assert [content_of(read_all(connection)) for connection in busy] == [b""] * 3
    for answer in answers:
        assert error_of(answer)["status_code"] == 503
        assert b"retry-after: 2" in answer


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"\x16\x03\x01 nonsense\r\n\r\n", 400),
        (b"GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /a HTTP/1.1\r\nBad Header: a\r\n\r\n", 400),
        (b"POST /a HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET /" + b"a" * 400_000, 414),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * 140_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nA: b\r\nA: " + b"a" * 400_000, 431),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 101 + b"\r\n", 431),
    ],
)
def test_what_is_no_request_gets_an_error_like_all_others(request_: bytes, status: int) -> None:
    with serving(echo) as door:
        assert error_of(door.answer(request_))["status_code"] == status


def test_a_body_that_trickles_takes_no_thread_and_is_not_waited_for() -> None:
    with serving(echo, HURRIED) as door, ExitStack() as stack:
        head = START + b"Content-Length: 100\r\n\r\n"
        slow = [stack.enter_context(door.connect(head + b"a")) for _ in range(20)]
        assert content_of(door.answer(LAST)) == b""
        for connection in slow:
            assert error_of(read_all(connection))["status_code"] == 408


@pytest.mark.parametrize("size", [0, 1, SMALL_BODY])
def test_bodies_arrive_with_and_without_a_length(size: int) -> None:
    body = b"a" * size
    with serving(echo) as door:
        plain = START + b"Content-Length: %d\r\n\r\n" % size + body
        assert content_of(door.answer(plain)) == body
        chunk = b"%x\r\n%b\r\n" % (size, body) if size else b""
        end = b"0\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n"
        chunked = START + b"Transfer-Encoding: chunked\r\n\r\n" + chunk + end
        assert content_of(door.answer(chunked)) == body


def test_a_large_body_is_read_as_it_arrives_by_who_wants_it() -> None:
    body = bytes(range(256)) * 4096
    with serving(echo, HURRIED, is_stream=lambda environ: True) as door:
        head = START + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
        with door.connect(head) as connection:
            assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
            for start in range(0, len(body), SMALL_BODY):
                connection.sendall(body[start : start + SMALL_BODY])
            assert content_of(read_all(connection)) == body


def test_who_sends_more_than_is_read_gets_to_see_the_answer() -> None:
    def refuse(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        start("200 OK", [("Content-Length", "2")])
        return [b"no"]

    body = b"a" * 3_000_000
    with serving(refuse) as door:
        answer = door.answer(START + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert content_of(answer) == b"no"
        assert b"connection: close" in answer


def test_a_client_that_has_said_all_still_gets_its_answer() -> None:
    release = threading.Event()

    def wait(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        release.wait(PATIENCE)
        return tell(environ, start)

    with serving(wait) as door, door.connect(GET) as connection:
        connection.shutdown(socket.SHUT_WR)
        release.set()
        assert json.loads(content_of(read_all(connection)))["PATH_INFO"] == "/a"
    with serving(echo) as door, door.connect(GET[:-2]) as connection:
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection) == b""


def test_requests_may_follow_each_other_on_a_connection() -> None:
    with serving(tell) as door:
        answer = door.answer(GET * 3 + LAST)
        assert answer.count(b"HTTP/1.1 200 ") == 4
        # but no more of them wait than a few
        assert door.answer(GET * 1000).count(b"HTTP/1.1 200 ") < 30


def test_what_an_application_is_told_of_a_request() -> None:
    request = (
        b"GET /a%2Fb%C3%A9?c=%41&d HTTP/1.1\r\nHost: lab:1\r\nX_Forwarded_For: 1\r\n"
        b"Cookie: a=1\r\nCookie: b=2\r\nAccept: x\r\nAccept: y\r\nConnection: close\r\n\r\n"
    )
    with serving(tell) as door:
        found = json.loads(content_of(door.answer(request)))
    expected = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/a/bé".encode().decode("latin-1"),
        "QUERY_STRING": "c=%41&d",
        "HTTP_HOST": "lab:1",
        "HTTP_COOKIE": "a=1; b=2",
        "HTTP_ACCEPT": "x,y",
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_PORT": str(door.port),
    }
    assert {name: found.get(name) for name in expected} == expected
    assert "HTTP_X_FORWARDED_FOR" not in found


class Stream:
    """An answer without end, which knows how much of it was made and when it was given up."""

    def __init__(self, piece: bytes = b"a" * 65536) -> None:
        self.n_made = 0
        self.closed = threading.Event()
        self._piece = piece

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/a":
            return echo(environ, start)
        start("200 OK", [])
        return self._pieces()

    def _pieces(self) -> Iterator[bytes]:
        try:
            while True:
                self.n_made += 1
                yield self._piece
        finally:
            self.closed.set()


def test_who_does_not_read_an_answer_holds_no_thread_and_is_let_go() -> None:
    stream = Stream()
    with serving(stream, HURRIED) as door:
        request = b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n"
        with door.connect(request, receive_buffer=4096) as connection:
            assert connection.recv(10) == b"HTTP/1.1 2"
            assert content_of(door.answer(LAST)) == b""
            # not more was made than a few buffers hold
            assert stream.n_made < 200
            assert stream.closed.wait(PATIENCE)


def test_who_reads_an_answer_slowly_gets_it() -> None:
    content = bytes(range(256)) * 8192

    def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        start("200 OK", [("Content-Length", str(len(content)))])
        return (content[at : at + 1000] for at in range(0, len(content), 1000))

    with serving(application) as door, door.connect(LAST, receive_buffer=4096) as connection:
        assert content_of(read_all(connection)) == content


def test_an_answer_is_given_up_when_its_client_leaves() -> None:
    stream = Stream(piece=b"a")
    with serving(stream) as door:
        door.connect(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n").close()
        assert stream.closed.wait(PATIENCE)
        assert content_of(door.answer(LAST)) == b""


def test_an_answer_that_breaks_does_not_look_whole(caplog: pytest.LogCaptureFixture) -> None:
    def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterator[bytes]:
        if environ["PATH_INFO"] == "/late":
            start("200 OK", [])
            yield b"begun"
        raise ValueError("broken")

    with serving(application) as door:
        late = door.answer(LAST.replace(b"/a", b"/late"))
        early = door.answer(LAST)
    assert late.startswith(b"HTTP/1.1 200 ")
    assert not late.endswith(b"0\r\n\r\n")
    assert error_of(early)["status_code"] == 500
    assert "ended too early" in caplog.text
    assert "broken" not in early.decode()


def test_an_application_that_writes_is_told_to_return(caplog: pytest.LogCaptureFixture) -> None:
    def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        start("200 OK", [])(b"written")
        return []

    with serving(application) as door:
        answer = door.answer(LAST)
    assert b"written" not in answer
    assert not answer.endswith(b"0\r\n\r\n")
    assert "RuntimeError: The application calls the write() of WSGI" in caplog.text


def test_head_and_no_content_have_no_body() -> None:
    def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "HEAD":
            start("200 OK", [("Content-Length", "7")])
        else:
            start("204 NO CONTENT", [])
        return []

    with serving(application) as door:
        assert door.answer(LAST).partition(b"\r\n\r\n")[2] == b""
        assert content_of(door.answer(LAST.replace(b"GET", b"HEAD"))) == b""


def test_a_server_that_ends_answers_what_was_just_sent() -> None:
    with serving(echo) as door:
        connection = door.connect()
        assert content_of(door.answer(LAST)) == b""
        closing = threading.Timer(0.3, connection.sendall, [GET])
        closing.start()
    with connection:
        assert read_all(connection).startswith(b"HTTP/1.1 200 ")
    closing.join()
