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
