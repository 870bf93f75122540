"""Patches bring one state to another, and hold nothing that was there."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tmserver.monitoring.merge_patch import merge_patch

names = st.sampled_from("abc")
values = st.integers(0, 2) | st.text("xy", max_size=2) | st.lists(st.integers(0, 1), max_size=2)
states = st.dictionaries(
    names, st.recursive(values, lambda inner: st.dictionaries(names, inner), max_leaves=5)
)


def apply(target: Any, patch: Any) -> Any:
    """RFC 7396, as it is written there."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = apply(result.get(name), value)
    return result


@given(states, states)
def test_a_patch_makes_one_state_of_the_other(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    patch = merge_patch(before, after)
    assert apply(before, patch) == after
    assert bool(patch) == (before != after)


def test_only_what_has_changed_is_in_a_patch() -> None:
    before = {"queues": {"jobs": {"waiting": 3, "running": 1}}, "hosts": {"a": {"busy": 1}}}
    after = {"queues": {"jobs": {"waiting": 2, "running": 1}}, "hosts": {}}
    assert merge_patch(before, after) == {
        "queues": {"jobs": {"waiting": 2}},
        "hosts": {"a": None},
    }
