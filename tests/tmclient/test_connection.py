import pytest

from tests.services.postgresql import free_port
from tests.tmclient.scripted_server import Answer, ScriptedServer
from tmclient import LoginError, RequestError, ServerUnreachable, TmClient

BUSY = Answer({"error": {"message": "Busy.", "status_code": 503, "type": "Unavailable"}}, 503)
EXPIRED = Answer({"error": {"message": "Expired.", "status_code": 401, "type": "X"}}, 401)
BROKEN = Answer(status=None)


def test_it_logs_in_once_and_sends_the_token(server: ScriptedServer, client: TmClient) -> None:
    server.script(Answer({"data": []}))
    client.get_experiments()
    client.get_experiments()
    assert server.n_logins == 1
    assert [r.headers["Authorization"] for r in server.requests] == ["Bearer token-1"] * 2


def test_it_logs_in_again_when_the_token_has_expired(
    server: ScriptedServer, client: TmClient
) -> None:
    server.script(Answer({"data": []}), EXPIRED, Answer({"data": []}))
    client.get_experiments()
    client.get_experiments()
    assert [r.headers["Authorization"][-1] for r in server.requests] == ["1", "1", "2"]


def test_it_does_not_log_in_forever(server: ScriptedServer, client: TmClient) -> None:
    server.script(EXPIRED)
    with pytest.raises(RequestError, match=r"Expired\."):
        client.get_experiments()
    assert server.n_logins == 2


@pytest.mark.parametrize("trouble", [BUSY, BROKEN])
def test_reading_is_repeated(trouble: Answer, server: ScriptedServer, client: TmClient) -> None:
    server.script(trouble, trouble, Answer({"data": [{"name": "e"}]}))
    assert client.get_experiments() == [{"name": "e"}]
    assert len(server.requests) == 3


@pytest.mark.parametrize(("trouble", "error"), [(BUSY, RequestError), (BROKEN, ServerUnreachable)])
def test_creating_is_not_repeated(
    trouble: Answer, error: type[Exception], server: ScriptedServer, client: TmClient
) -> None:
    server.script(trouble, Answer({"data": {}}))
    with pytest.raises(error):
        client.create_experiment()
    assert len(server.requests) == 1


def test_errors_carry_what_the_server_says(server: ScriptedServer, client: TmClient) -> None:
    message = 'You have an experiment "e" already.'
    server.script(
        Answer({"error": {"message": message, "status_code": 409, "type": "Conflict"}}, 409)
    )
    with pytest.raises(RequestError) as caught:
        client.create_experiment()
    assert (str(caught.value), caught.value.status_code, caught.value.type) == (
        message,
        409,
        "Conflict",
    )


def test_an_answer_that_is_no_json_is_named(server: ScriptedServer, client: TmClient) -> None:
    server.script(Answer("<html>", 404))
    with pytest.raises(RequestError, match="404 Not Found"):
        client.get_experiments()


def test_no_server_is_named() -> None:
    port = free_port()
    with (
        TmClient("localhost", port, "ada", "lovelace") as client,
        pytest.raises(ServerUnreachable, match=f"No server answers at http://localhost:{port}"),
    ):
        client.get_experiments()


def test_without_a_password_nothing_is_sent(server: ScriptedServer) -> None:
    with TmClient(url=server.url) as client, pytest.raises(LoginError, match="user name"):
        client.get_experiments()
    assert server.n_logins == 0


def test_port_443_means_https() -> None:
    with TmClient("tm.example.org", 443) as client:
        assert client.connection.url == "https://tm.example.org"
