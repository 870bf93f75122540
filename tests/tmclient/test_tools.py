"""Waiting for tools, whenever they end."""

import pytest

from tests.tmclient.scripted_server import Answer, ScriptedServer
from tmclient import TmClient, TmClientError

EXPERIMENT = Answer({"data": [{"id": "MQ==", "name": "e"}]})


def test_a_result_that_was_deleted_before_it_was_fetched_is_told(
    server: ScriptedServer, client: TmClient
) -> None:
    job = {"name": "tool_Heatmap", "state": "TERMINATED", "exitcode": 0}
    server.script(EXPERIMENT, Answer({"data": [job]}), Answer({"data": []}))
    with pytest.raises(TmClientError, match="was deleted meanwhile: run the tool again"):
        client.wait_for_tool(7)


def test_a_table_that_could_not_be_made_is_told(server: ScriptedServer, client: TmClient) -> None:
    asked = {"submission_id": 7, "name": "areas", "state": "waiting", "error": None, "n_rows": None}
    failed = asked | {"state": "failed", "error": "Table areas already exists."}
    other = asked | {"submission_id": 6, "state": "done"}
    found = [EXPERIMENT, Answer({"data": [{"id": "MQ==", "name": "Heatmap-5"}]})]
    server.script(*found, Answer({"data": asked}), Answer({"data": [other, failed]}))
    with pytest.raises(TmClientError, match="No table was made: Table areas already exists"):
        client.tool_results.save_as_table("Heatmap-5", "areas", interval=0)
