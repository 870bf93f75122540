import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests.tmclient.scripted_server import Answer, ScriptedServer
from tmclient import ResourceError, ServerUnreachable, TmClient
from tmclient.places import Selection

EXPERIMENT = Answer({"data": [{"id": "MQ==", "name": "e"}]})
CELLS = Answer({"data": [{"id": "Mg==", "name": "Cells"}]})
PATH = "/api/experiments/MQ==/mapobject_types/Mg=="
VALUES = pd.DataFrame({"mapobject_id": np.arange(6), "Area": np.arange(6) / 4})


def arrow(frame: pd.DataFrame, n_rows: int) -> bytes:
    """An Arrow stream with batches of so many rows."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=n_rows)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def test_tables_are_asked_for_by_place(server: ScriptedServer, client: TmClient) -> None:
    table = Answer(arrow(VALUES, 6))
    server.script(EXPERIMENT, CELLS, table, CELLS, table, CELLS, table)
    metadata = client.download_object_metadata("Cells", "plate 1", well_pos_x=0)
    values = client.download_feature_values("Cells", well_name="A01", tpoint=2)
    pd.testing.assert_frame_equal(metadata, VALUES)
    pd.testing.assert_frame_equal(values, VALUES)
    plate = Selection("plate 1")
    profiles = client.feature_values.download_profiles("Cells", selection=plate)
    pd.testing.assert_frame_equal(profiles, VALUES)
    assert [server.requests[place].path for place in (2, 4, 6)] == [
        f"{PATH}/metadata?plate_name=plate+1&well_pos_x=0&format=arrow",
        f"{PATH}/feature-values?well_name=A01&tpoint=2&format=arrow",
        f"{PATH}/feature-values?plate_name=plate+1&format=arrow&metadata=true",
    ]


def test_large_tables_come_in_parts(server: ScriptedServer, client: TmClient) -> None:
    server.script(EXPERIMENT, CELLS, Answer(arrow(VALUES, 4)))
    parts = list(client.iterate_feature_values("Cells"))
    assert [len(part) for part in parts] == [4, 2]
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), VALUES)


@pytest.mark.parametrize("missing", [5, 700])
def test_a_table_that_breaks_off_is_no_shorter_table(
    server: ScriptedServer, client: TmClient, missing: int
) -> None:
    server.script(EXPERIMENT, CELLS, Answer(arrow(VALUES, 2), missing=missing))
    with pytest.raises(ServerUnreachable, match="broke off"):
        client.download_feature_values("Cells")


def test_a_file_is_whole_or_not_there(
    server: ScriptedServer, client: TmClient, tmp_path: Path
) -> None:
    named = {"Content-Disposition": "attachment; filename=values.csv"}
    broken, whole = (Answer(b"x" * 100, headers=named, missing=n) for n in (10, 0))
    server.script(EXPERIMENT, CELLS, broken, broken, whole)
    where = Selection(well_name="A01")
    file = client.download_table_file("Cells", tmp_path, content="metadata", selection=where)
    assert file == tmp_path / "values.csv"
    assert file.read_bytes() == b"x" * 100
    assert server.requests[-1].path == f"{PATH}/metadata?well_name=A01&format=csv"
    assert list(tmp_path.iterdir()) == [file]


def test_nothing_is_left_of_a_file_that_never_comes_whole(
    server: ScriptedServer, client: TmClient, tmp_path: Path
) -> None:
    server.script(EXPERIMENT, CELLS, Answer(b"x" * 100, missing=10))
    with pytest.raises(ServerUnreachable, match="broke off"):
        client.download_table_file("Cells", tmp_path / "values.csv")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["../../etc/evil.csv", "/evil.csv"])
def test_a_server_cannot_choose_another_folder(
    server: ScriptedServer, client: TmClient, tmp_path: Path, name: str
) -> None:
    named = {"Content-Disposition": f'attachment; filename="{name}"'}
    server.script(EXPERIMENT, CELLS, Answer(b"x", headers=named))
    assert client.download_table_file("Cells", tmp_path) == tmp_path / "evil.csv"


def test_values_of_ones_own_are_sent_by_label(server: ScriptedServer, client: TmClient) -> None:
    server.script(EXPERIMENT, CELLS, Answer({"message": "ok"}))
    data = pd.DataFrame({"hue": [1, 2], "age": [0.5, np.nan]}, index=[3, 9])
    client.upload_feature_values("Cells", "p", "A01", 0, 1, 2, data)
    assert json.loads(server.requests[-1].body) == {
        "plate_name": "p",
        "well_name": "A01",
        "well_pos_y": 0,
        "well_pos_x": 1,
        "tpoint": 2,
        "names": ["hue", "age"],
        "labels": [3, 9],
        "values": [[1.0, 0.5], [2.0, None]],
    }


@pytest.mark.parametrize("text", ["label,hue\n1,2\n", "object_number,hue\n1,red\n", ""])
def test_a_table_that_cannot_be_sent_is_named(client: TmClient, tmp_path: Path, text: str) -> None:
    file = tmp_path / "values.csv"
    file.write_text(text)
    with pytest.raises(ResourceError, match=r"values\.csv is no table.*object_number"):
        client.upload_feature_value_file("Cells", "p", "A01", 0, 1, 2, file)
