"""The requests in the document are answered as it says."""

import json
import re
from pathlib import Path
from typing import Any

from flask import Flask

from tests.tmserver.conftest import Person
from tmlib.accounts import service
from tmlib.db import Database
from tmlib.experiments.service import create_experiment

DOCUMENT = Path(__file__).parents[3] / "docs" / "facility.md"
EXAMPLE = re.compile(r"```http\n(\w+) (\S+)\n(.*?)```(?:\s*```json\n(.*?)```)?", re.S)
PASSWORD = "a long password"


def agrees(told: Any, answered: Any) -> bool:
    """Whether an answer is what was told, where ``...`` stands for anything."""
    if isinstance(told, dict):
        return told.keys() == answered.keys() and all(agrees(told[k], answered[k]) for k in told)
    if isinstance(told, list):
        return len(told) == len(answered) and all(map(agrees, told, answered))
    return bool(told in ("...", answered))


def test_the_examples_are_answered_as_they_say(app: Flask, database: Database) -> None:
    with database.transaction() as session:
        mara = service.create_user(session, "mara", PASSWORD, "m@lab.example", is_admin=True)
        create_experiment(session, mara.id, name="S", microscope_type="metamorph", plate_format=96)
    examples = EXAMPLE.findall(DOCUMENT.read_text(encoding="utf-8"))
    assert len(examples) == 21
    # what logs in comes first; what asks for a proposal is answered when there is one
    somebody = Person(app, mara.id)
    for method, path, body, answer in examples:
        sent = {"json": json.loads(body)} if body.strip() else {}
        response = somebody.request(method, path, **sent)
        told = json.loads(answer) if answer.strip() else None
        assert (response.status_code < 300) or "detail" in (told or {}), response.text
        assert told is None or agrees(told, response.json), (path, response.text)
