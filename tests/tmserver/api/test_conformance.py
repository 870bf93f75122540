"""Requests made up from the document, and answers held against it, by an independent program."""

from collections.abc import Sequence
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.tmserver.api.conftest import LABELS, PLACE
from tests.tmserver.conftest import Person
from tmlib.accounts.models import User
from tmserver.authentication import issue_token
from tmserver.http.api import Api

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")

FIRST = "MQ=="  # whatever there is in the experiment, it has a first one


# the program does not close the files that answers are sent from
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.timeout(1800)  # hundreds of operations, a dozen requests for each
def test_no_request_surprises_the_server(
    app: Flask, interfaces: Sequence[Api], cells: str, owner: Person
) -> None:
    owner.post(f"{cells}/segmentations", **PLACE, image=LABELS.tolist())
    schemas = [schemathesis.openapi.from_wsgi(api.document_path, app) for api in interfaces]
    with app.app_context():
        token = issue_token(User(id=owner.user_id, name="-", login_generation=0))
    found = [one for schema in schemas for one in schema.get_all_operations()]
    operations = [one.ok() for one in found if isinstance(one, Ok)]
    assert len(operations) == len(found)
    assert len(operations) > 50
    # what is removed is missing for the others
    operations.sort(key=lambda operation: operation.method.lower() == "delete")
    problems = [problem for one in operations for problem in surprises(one, token)]
    assert not problems, "\n\n".join(problems)


def surprises(operation: Any, token: str) -> list[str]:
    """What is wrong with answers to made-up requests for one operation."""
    # the experiment is needed for the other operations
    spares = operation.method.lower() == "delete" and operation.path.count("/") == 3

    @settings(
        max_examples=12,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=st.one_of(
            operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
            operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
        ),
        exists=st.booleans(),
    )
    def send(case: Any, exists: bool) -> None:
        if exists and not spares:
            case.path_parameters.update(dict.fromkeys(case.path_parameters, FIRST))
            case.query.update({name: PLACE[name] for name in PLACE if name in case.query})
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=CHECKS)

    try:
        send()
    except FailureGroup as error:
        return [f"{operation.label}: {error!r}"]
    return []
