import json

from tests.tmserver.commands.conftest import Tm


def test_commands_that_change_something_are_shown(tm: Tm) -> None:
    secret = "a secret password"
    tm("user", "add", "mara", "--email", "mara@lab.example", TM_PASSWORD=secret)
    tm("user", "list")
    assert tm("user", "disable", "nobody").exit_code == 1
    shown = tm("audit")
    assert shown.exit_code == 0, shown.output
    assert "tm user add" in shown.output
    assert "mara@lab.example" in shown.output
    assert "user list" not in shown.output
    assert secret not in shown.output
    found = json.loads(tm("audit", "--json").output)
    assert [(event["action"], event["status"]) for event in found["events"]] == [
        ("tm user disable", 1),
        ("tm user add", 0),
    ]
    assert found["has_more"] is False


def test_events_are_filtered(tm: Tm) -> None:
    for name in ("mara", "ada"):
        tm("user", "add", name, "--email", f"{name}@lab.example", TM_PASSWORD="a long password")
    assert 'has_more": true' in tm("audit", "--limit", "1", "--json").output
    assert "--limit shows more" in tm("audit", "--limit", "1").output
    assert "none" in tm("audit", "--until", "2024-03-14").output
    assert "none" in tm("audit", "--action", "tm user disable").output
    assert "ada" in tm("audit", "--action", "tm user add", "--since", "2024-03-14").output
