from tests.tmclient.scripted_server import Answer, ScriptedServer
from tmclient import TmClient

EXPERIMENT = Answer({"data": [{"id": "MQ==", "name": "e"}]})
CELLS = Answer({"data": [{"id": "Mg==", "name": "Cells"}]})


def test_tables_are_asked_for_by_place(server: ScriptedServer, client: TmClient) -> None:
    server.script(EXPERIMENT, CELLS, Answer("mapobject_id"), CELLS, Answer("mapobject_id"))
    metadata = client.download_object_metadata("Cells", "plate 1", well_pos_x=0)
    values = client.download_feature_values("Cells", well_name="A01", tpoint=2)
    assert list(metadata.columns) == list(values.columns) == ["mapobject_id"]
    cells = "/api/experiments/MQ==/mapobject_types/Mg=="
    assert [server.requests[2].path, server.requests[4].path] == [
        f"{cells}/metadata?plate_name=plate+1&well_pos_x=0",
        f"{cells}/feature-values?well_name=A01&tpoint=2",
    ]


def test_where_an_object_comes_from(server: ScriptedServer, client: TmClient) -> None:
    server.script(EXPERIMENT, Answer({"data": {"id": 7, "label": 2}}))
    assert client.get_mapobject(7) == {"id": 7, "label": 2}
    assert server.requests[1].path == "/api/experiments/MQ==/mapobjects/7/info"
