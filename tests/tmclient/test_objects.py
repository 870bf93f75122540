import pandas as pd
import pytest

from tests.tmclient.scripted_server import Answer, ScriptedServer
from tests.tmclient.test_values import CELLS, PATH, VALUES, arrow
from tmclient import ServerUnreachable, TmClient

EXPERIMENT = Answer({"data": [{"id": "MQ==", "name": "e"}]})


def test_where_an_object_comes_from(server: ScriptedServer, client: TmClient) -> None:
    server.script(EXPERIMENT, Answer({"data": {"id": 7, "label": 2}}))
    assert client.get_mapobject(7) == {"id": 7, "label": 2}
    assert server.requests[1].path == "/api/experiments/MQ==/mapobjects/7/info"


def test_values_of_one_column(server: ScriptedServer, client: TmClient) -> None:
    content = arrow(VALUES, 4)
    server.script(EXPERIMENT, CELLS, Answer(content), CELLS, Answer(content, missing=9))
    found = client.download_values("Cells", "Area", well_name="A01", tpoint=0, dtype="float32")
    pd.testing.assert_frame_equal(found, VALUES)
    query = "well_name=A01&tpoint=0&column=Area&dtype=float32&format=arrow"
    assert server.requests[2].path == f"{PATH}/values?{query}"
    with pytest.raises(ServerUnreachable, match="broke off"):
        client.download_values("Cells", "Area")
