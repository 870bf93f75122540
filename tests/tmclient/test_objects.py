from tests.tmclient.scripted_server import Answer, ScriptedServer
from tmclient import TmClient

EXPERIMENT = Answer({"data": [{"id": "MQ==", "name": "e"}]})


def test_where_an_object_comes_from(server: ScriptedServer, client: TmClient) -> None:
    server.script(EXPERIMENT, Answer({"data": {"id": 7, "label": 2}}))
    assert client.get_mapobject(7) == {"id": 7, "label": 2}
    assert server.requests[1].path == "/api/experiments/MQ==/mapobjects/7/info"
