"""Selections: chosen objects have a label, a name and a colour."""

import pytest

from tests.tmlib.tools.conftest import Bench
from tmlib.errors import BadInput


def test_chosen_objects_are_labelled_under_the_name_of_the_selection(bench: Bench) -> None:
    chosen = bench.ids[[7, 3, 3, 200]].tolist()
    result = bench.ask("Selection", object_ids=chosen, name="odd ones", color="#00aa00")
    expected = [str(int(one in chosen)) for one in bench.ids.tolist()]
    assert bench.labels(result)["label"].tolist() == expected
    assert result.name == "odd ones"
    assert result.attributes["label_map"]["1"] == {"name": "odd ones", "color": "#00aa00"}
    assert result.attributes["counts"] == {"0": 237, "1": 3}
    again = bench.ask("Selection", object_ids=chosen[:1], name="odd ones")
    assert again.name == "odd ones*"


def test_objects_that_are_not_there_are_refused_at_once(bench: Bench) -> None:
    with pytest.raises(BadInput, match="no object 999999999"):
        bench.request("Selection", object_ids=[*bench.ids[:2].tolist(), 999_999_999])
    assert bench.queue.interactive_ids == []
