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
    counted = group | {"key": ["A01"], "statistics": []}
    server.script(CELLS, Answer({"data": {"n_groups": 1, "groups": [counted]}}))
    [row] = client.get_groups("Cells", [], ["well_name"]).to_dict("records")
    assert row == {"well_name": "A01", "n_objects": 4}


def test_columns_and_their_distribution(server: ScriptedServer, client: TmClient) -> None:
    server.script(
        EXPERIMENT, CELLS, Answer({"data": [{"name": "Area"}]}), CELLS, Answer({"data": {}})
    )
    assert client.get_table_columns("Cells") == [{"name": "Area"}]
    assert client.get_distribution("Cells", "Area", 20) == {}
    assert query_of(server.requests[-1].path) == {"column": "Area", "bins": "20"}


def test_an_object_among_all_others(server: ScriptedServer, client: TmClient) -> None:
    answer = {"mapobject_id": 7, "columns": [{"name": "Area", "value": 3.0, "percentile": 50.0}]}
    server.script(EXPERIMENT, CELLS, Answer({"data": answer}))
    assert client.object_tables.get_object("Cells", 7, ["Area"], tpoint=2) == answer
    address, _, _ = server.requests[-1].path.partition("?")
    assert address.endswith("/table/objects/7")
    assert query_of(server.requests[-1].path) == {"columns": '["Area"]', "tpoint": "2"}


def test_conditions_of_wells(server: ScriptedServer, client: TmClient) -> None:
    plates = Answer({"data": [{"id": "Mg==", "name": "p"}]})
    stored = {"n_wells": 1, "unknown_wells": []}
    server.script(EXPERIMENT, plates, Answer({"data": stored}), plates, Answer(b"well_name,c\n"))
    assert client.plates.put_conditions("p", "well_name,µM\nA01,2\n") == stored
    assert server.requests[2].path == "/api/experiments/MQ==/plates/Mg==/conditions"
    assert server.requests[2].body == "well_name,µM\nA01,2\n".encode()
    assert client.plates.get_conditions("p") == "well_name,c\n"


def test_objects_at_places(server: ScriptedServer, client: TmClient) -> None:
    one, other = {"id": 1, "x": 2.0}, {"id": 3, "x": 4.0}
    server.script(
        EXPERIMENT,
        Answer({"data": [one]}),
        Answer({"data": [one, other]}),
        Answer({"data": {"objects": [one], "cursor": "MQ=="}}),
        Answer({"data": {"objects": [other], "cursor": None}}),
        Answer({"data": {"count": 2}}),
    )
    assert client.find_mapobjects_at("Mg==", x=1.5, y=2) == [one]
    assert client.find_nearest_mapobjects("Mg==", x=1, y=2, limit=2) == [one, other]
    assert list(client.iterate_mapobjects_within("Mg==", (0, 0, 9, 9), page_size=1)) == [one, other]
    assert client.count_mapobjects_within("Mg==", [(0, 0), (9, 0), (0, 9.5)]) == 2
    queries = [query_of(request.path) for request in server.requests[1:]]
    rectangle = {"min_x": "0", "min_y": "0", "max_x": "9", "max_y": "9", "limit": "1"}
    assert queries == [
        {"x": "1.5", "y": "2"},
        {"x": "1", "y": "2", "limit": "2"},
        rectangle,
        rectangle | {"cursor": "MQ=="},
        {"polygon": "0.000000,0.000000 9.000000,0.000000 0.000000,9.500000"},
    ]
    assert server.requests[1].path.startswith(
        "/api/experiments/MQ==/segmentation_layers/Mg==/mapobjects/at?"
    )
