from collections.abc import Iterator

import pytest

from tests.tmclient.scripted_server import ScriptedServer, scripted_server
from tmclient import TmClient


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        yield server


@pytest.fixture
def client(server: ScriptedServer) -> Iterator[TmClient]:
    with TmClient(url=server.url, username="ada", password="lovelace", experiment_name="e") as c:
        yield c
