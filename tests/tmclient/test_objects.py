import json
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pyarrow as pa
import pytest

from tests.tmclient.scripted_server import Answer, ScriptedServer
from tests.tmclient.test_values import CELLS, PATH, VALUES, arrow
from tmclient import ServerUnreachable, TmClient
from tmclient.places import Selection

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


def page(frame: pd.DataFrame, cursor: str) -> Answer:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.replace_schema_metadata({"tmserver.cursor": cursor, "tmserver.n_rows": "6"})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return Answer(sink.getvalue().to_pybytes())


def query_of(path: str) -> dict[str, str]:
    return {name: text for name, [text] in parse_qs(urlsplit(path).query).items()}


def test_pages_of_a_table_follow_each_other(server: ScriptedServer, client: TmClient) -> None:
    server.script(EXPERIMENT, CELLS, page(VALUES[:4], "next"), page(VALUES[4:], ""))
    filters, sort = [{"column": "Area", "min": 0}], [{"column": "Area", "descending": True}]
    pages = client.iterate_table(
        "Cells",
        ["mapobject_id", "Area"],
        filters=filters,
        sort=sort,
        selection=Selection(well_name="A01"),
    )
    pd.testing.assert_frame_equal(pd.concat(pages, ignore_index=True), VALUES)
    first, second = (query_of(request.path) for request in server.requests[2:])
    assert json.loads(first["columns"]) == ["mapobject_id", "Area"]
    assert json.loads(first["filter"]) == filters
    assert json.loads(first["sort"]) == sort
    assert first["well_name"] == "A01"
    assert second == first | {"cursor": "next"}


def test_statistics_of_groups_make_one_table(server: ScriptedServer, client: TmClient) -> None:
    numbers = dict.fromkeys(("mean", "std", "min", "max", "median"), 1.5)
    one = {"count": 3, "missing": 1, **numbers, "quantiles": [2.5]}
    group = {"key": ["p", "A01"], "n_objects": 4, "statistics": [one]}
    server.script(EXPERIMENT, CELLS, Answer({"data": {"n_groups": 1, "groups": [group]}}))
    [row] = client.get_groups("Cells", ["Area"], quantiles=[0.25]).to_dict("records")
    key = {"plate_name": "p", "well_name": "A01", "n_objects": 4, "column": "Area"}
    assert row == {**key, "count": 3, "missing": 1, **numbers, "q0.25": 2.5}


def test_columns_and_their_distribution(server: ScriptedServer, client: TmClient) -> None:
    server.script(
        EXPERIMENT, CELLS, Answer({"data": [{"name": "Area"}]}), CELLS, Answer({"data": {}})
    )
    assert client.get_table_columns("Cells") == [{"name": "Area"}]
    assert client.get_distribution("Cells", "Area", 20) == {}
    assert query_of(server.requests[-1].path) == {"column": "Area", "bins": "20"}
