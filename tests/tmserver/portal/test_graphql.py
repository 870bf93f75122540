"""Queries of GraphQL, and that no query gets anything but an answer."""

import base64
import json
import random
from typing import Any
from unittest.mock import ANY

import pytest
from flask import Flask
from graphql import build_schema, get_introspection_query, print_schema
from hypothesis import HealthCheck, given, settings
from hypothesis_graphql import queries

from tests.services.catalogue import Row, Rows, document, fits, random_where, related
from tests.tmserver.conftest import Person
from tests.tmserver.portal.conftest import Asker, without_database
from tmlib.portal.declaration import ENTITIES
from tmlib.portal.declaration.entity import Entity
from tmserver.portal import limits
from tmserver.portal.schema import SCHEMA


def by_id(rows: Rows, name: str) -> list[Row]:
    return sorted(rows[name], key=lambda row: row["id"])


def as_told(rows: Rows, name: str, row: Row) -> dict[str, Any]:
    """A row with GraphQL's names and forms."""
    entity = ENTITIES[name]
    [written] = document({name: [row]})[entity.client_name]
    return {field: written[one.column] for field, one in entity.fields.items()}


def test_each_class_is_listed_with_all_its_values(asker: Asker, rows: Rows) -> None:
    for name, entity in ENTITIES.items():
        # what the published client sends, and the same where a name is asked for twice
        plain = f"{{ {entity.root} {{ {' '.join(entity.fields)} }} }}"
        executed = f"{{ {entity.root} {{ __typename {' '.join(entity.fields)} }} }}"
        expected = [as_told(rows, name, row) for row in by_id(rows, name)]
        assert asker.ask(plain) == {entity.root: expected}
        with_types = [{"__typename": name, **row} for row in expected]
        assert asker.ask(executed) == {entity.root: with_types}


def test_filters_come_as_literals_and_as_variables(asker: Asker, rows: Rows) -> None:
    chance = random.Random(3)  # noqa: S311 - not for secrets
    for _ in range(60):
        name = chance.choice(list(ENTITIES))
        entity = ENTITIES[name]
        where = random_where(chance, entity, levels=3)
        expected = [r["id"] for r in by_id(rows, name) if fits(rows, entity, r, where)]
        query = f"query Q($w: {name}WhereClause) {{ {entity.root}(where: $w) {{ id }} }}"
        found = asker.ask(query, w=jsonable(where))
        assert [row["id"] for row in found[entity.root]] == expected
        literal = f"{{ {entity.root}(where: {written(entity, where)}) {{ id: id }} }}"
        assert asker.ask(literal) == found


def jsonable(content: Any) -> Any:
    if isinstance(content, dict):
        return {name: jsonable(inner) for name, inner in content.items()}
    if isinstance(content, list):
        return [jsonable(inner) for inner in content]
    return content.isoformat() if hasattr(content, "isoformat") else content


def written(entity: Entity, where: dict[str, Any]) -> str:
    """A filter as a literal, whose enumerations have no quotes."""

    def literal(content: Any, bare: bool) -> str:
        if isinstance(content, dict):
            inner = (f"{key}: {literal(one, bare or is_name(key))}" for key, one in content.items())
            return f"{{{', '.join(inner)}}}"
        if isinstance(content, list):
            return f"[{', '.join(literal(one, bare) for one in content)}]"
        return content if bare and isinstance(content, str) else json.dumps(jsonable(content))

    return literal(where, False)


ENUMERATIONS = {
    field
    for entity in ENTITIES.values()
    for field, one in entity.fields.items()
    if getattr(one, "enumeration", None)
}


def is_name(key: str) -> bool:
    return key in ENUMERATIONS or key == "arguments"


def test_relations_are_followed_down_and_up(asker: Asker, rows: Rows) -> None:
    found = asker.ask(
        """
        query Runs($all: Boolean = true) {
          runs(orderBy: [{id: desc}]) {
            _id
            dataset { title deposition { id } }
            named: annotations(where: {objectName: {_is_null: false}}, first: 2) {
              edges { cursor node { ...Annotated } }
              pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
            }
            annotations { edges { node { ... on Node { _id } ... on Annotation { objectId } } } }
            tomograms @skip(if: $all) { edges { node { id } } }
            tomogramsAggregate { aggregate { count } }
          }
        }
        fragment Annotated on Annotation {
          id
          run { id }
          none: run(where: {id: {_lt: 0}}) { id }
          annotationShapes(last: 1) { edges { node { id } } }
        }
        """
    )
    assert len(found["runs"]) == len(rows["Run"])
    run_entity, annotation_entity = ENTITIES["Run"], ENTITIES["Annotation"]
    for run, told in zip(reversed(by_id(rows, "Run")), found["runs"], strict=True):
        assert base64.b64decode(told["_id"]).decode() == f"Run:{run['id']}"
        [dataset] = related(rows, run_entity, run, "dataset")
        assert told["dataset"] == {
            "title": dataset["title"],
            "deposition": {"id": dataset["deposition_id"]},
        }
        annotations = sorted(
            related(rows, run_entity, run, "annotations"), key=lambda row: row["id"]
        )
        nodes = [edge["node"] for edge in told["named"]["edges"]]
        expected = []
        for annotation in annotations[:2]:
            shapes = related(rows, annotation_entity, annotation, "annotationShapes")
            last = [{"node": {"id": number}} for number in sorted(s["id"] for s in shapes)[-1:]]
            expected.append(
                {
                    "id": annotation["id"],
                    "run": {"id": run["id"]},
                    "none": None,
                    "annotationShapes": {"edges": last},
                }
            )
        assert nodes == expected
        page = told["named"]["pageInfo"]
        assert page["hasNextPage"] is (len(annotations) > 2)
        assert page["hasPreviousPage"] is False
        cursors = [edge["cursor"] for edge in told["named"]["edges"]]
        assert [page["startCursor"], page["endCursor"]] == (
            [cursors[0], cursors[-1]] if cursors else [None, None]
        )
        assert [edge["node"]["objectId"] for edge in told["annotations"]["edges"]] == [
            row["object_id"] for row in annotations
        ]
        assert "tomograms" not in told
        n_tomograms = len(related(rows, run_entity, run, "tomograms"))
        assert told["tomogramsAggregate"] == {"aggregate": [{"count": n_tomograms}]}


def test_pages_go_on_where_one_has_ended(asker: Asker, rows: Rows) -> None:
    query = """
        query Page($id: Int, $after: String) {
          depositions(where: {id: {_eq: $id}}) {
            alignments(first: 2, after: $after) {
              edges { node { id } } pageInfo { hasNextPage endCursor }
            }
          }
        }
    """
    for deposition in rows["Deposition"]:
        seen: list[int] = []
        after = None
        while True:
            [told] = asker.ask(query, id=deposition["id"], after=after)["depositions"]
            seen += [edge["node"]["id"] for edge in told["alignments"]["edges"]]
            after = told["alignments"]["pageInfo"]["endCursor"]
            if not told["alignments"]["pageInfo"]["hasNextPage"]:
                break
        theirs = related(rows, ENTITIES["Deposition"], deposition, "alignments")
        assert seen == sorted(row["id"] for row in theirs)


def test_numbers_are_told_by_groups(asker: Asker, rows: Rows) -> None:
    found = asker.ask(
        """
        {
          annotationsAggregate(where: {objectCount: {_gte: 0}}) {
            aggregate {
              count
              names: count(columns: objectName, distinct: true)
              max { objectCount releaseDate }
              groupBy { methodType run { dataset { id } } }
            }
            total: aggregate { rows: count sum { objectCount } }
          }
        }
        """
    )["annotationsAggregate"]
    some = [row for row in rows["Annotation"] if (row["object_count"] or -1) >= 0]
    [total] = found["total"]
    assert total == {
        "rows": len(some),
        "sum": {"objectCount": sum(r["object_count"] for r in some)},
    }
    runs = {row["id"]: row for row in rows["Run"]}
    groups: dict[tuple[str, int], list[Row]] = {}
    for row in some:
        if row["run_id"] is not None:
            key = row["method_type"], runs[row["run_id"]]["dataset_id"]
            groups.setdefault(key, []).append(row)
    assert len(found["aggregate"]) == len(groups)
    for told in found["aggregate"]:
        group = told["groupBy"]
        members = groups[group["methodType"], group["run"]["dataset"]["id"]]
        assert told["count"] == len(members)
        assert told["names"] == len({row["object_name"] for row in members})
        assert told["max"] == {
            "objectCount": max(row["object_count"] for row in members),
            "releaseDate": max(row["release_date"] for row in members).isoformat(),
        }


def test_a_mean_that_is_no_whole_number_is_an_error_where_the_schema_has_one(
    asker: Asker,
) -> None:
    told: Any = asker.send("{ runsAggregate { aggregate { count avg { id } } } }").json
    [numbers] = told["data"]["runsAggregate"]["aggregate"]
    assert numbers == {"count": 10, "avg": {"id": None}}
    assert "Int cannot represent" in told["errors"][0]["message"]


def test_the_schema_can_be_asked_for(asker: Asker, app: Flask) -> None:
    asked = asker.ask(get_introspection_query())
    assert len(asked["__schema"]["types"]) == len(SCHEMA.type_map)
    response = Person(app).request("GET", "/graphql/schema.graphql")
    assert print_schema(build_schema(response.text)) == response.text


WRONG = (
    ("{ runs { id }", "Syntax Error"),
    ("{ runs { nothing } }", "Cannot query field 'nothing'"),
    ("{ runs }", "must have a selection"),
    ("{ runs(where: {id: {_eq: 2147483648}}) { id } }", "32-bit"),
    ('{ runs(where: {id: {_eq: "1"}}) { id } }', "Int cannot represent"),
    ("{ annotationShapes(where: {shapeType: {_eq: Cube}}) { id } }", "Cube"),
    ('{ datasets(where: {releaseDate: {_gt: "soon"}}) { id } }', "no point in time"),
    ('{ datasets(where: {releaseDate: {_gt: "0001-01-01T00:00+14:00"}}) { id } }', "no point"),
    ("{ datasets(where: {releaseDate: {_gt: 2024}}) { id } }", "no point in time"),
    ("{ datasets(where: {fileSize: {_gt: 1e999}}) { id } }", "too large"),
    (f"{{ datasets(where: {{fileSize: {{_gt: {10**400}}}}}) {{ id }} }}", "too large"),
    (r'{ runs(where: {name: {_eq: "\u0000"}}) { id } }', "NUL"),
    (r'{ runs(where: {name: {_eq: "\ud800"}}) { id } }', "Syntax Error"),
    ('{ runs(where: {name: {_regex: "("}}) { id } }', "a group is not closed"),
    ("{ runs(limitOffset: {offset: 2}) { id } }", "Cannot use offset without limit"),
    ("{ runs(limitOffset: {limit: -2}) { id } }", "cannot be negative"),
    ("{ runs { annotations(first: 101) { edges { cursor } } } }", "between 0 and 100"),
    ('{ runs { annotations(after: "x") { edges { cursor } } } }', "is no cursor"),
    ("query A { runs { id } } query B { runs { id } }", "operationName"),
    ("fragment A on Run { id }", "never used"),
    ("{ runs { ...A } } fragment A on Run { ...A }", "contains itself"),
    ("{ runs { ...A } }", "Unknown fragment"),
    ("{ runs { " + "id " * 1001 + "} }", "more than 1000 fields"),
    ("{ runs " + "{ dataset { runs { edges { node " * 9 + "{id}" + "}}}}" * 9 + "}", "levels"),
    ("{" * 4000, "Syntax Error"),
    ("{ runs(where: {name: {_in: " + "[" * 4000 + "]" * 4000 + "}}) { id } }", "nested"),
    ("{ runs(where: {id: {_in: [" + "1 " * 30_001 + "]}}) { id } }", "tokens"),
    ("subscription { runs { id } }", "subscription"),
)


def test_what_is_wrong_with_a_query_is_told(asker: Asker) -> None:
    for query, message in WRONG:
        assert message in asker.refused(query), query[:100]


def test_variables_are_checked(asker: Asker) -> None:
    query = "query Q($w: RunWhereClause) { runs(where: $w) { id } }"
    assert "Int cannot represent" in asker.refused(query, w={"id": {"_eq": "x"}})
    assert "half of a pair" in asker.refused(query, w={"name": {"_eq": "\ud800"}})
    assert asker.ask(query, w={"id": {"_in": list(range(5000))}, "name": {}})["runs"]
    with_order = "query Q($o: RunOrderByClause = {}) { runs(orderBy: [$o]) { id } }"
    assert "orderBy" in asker.refused(with_order, o=None)
    with_float = "query Q($f: Float) { frames(where: {fileSize: {_gt: $f}}) { id } }"
    assert asker.refused(with_float, f=float("nan"))


def test_conditions_that_say_nothing_find_all(asker: Asker, rows: Rows) -> None:
    assert len(asker.ask("{ runs(where: {id: {}, dataset: null}) { id } }")["runs"]) == 10
    found = asker.ask("{ annotations(where: {run: {}, objectName: {}}) { id } }")["annotations"]
    assert len(found) == sum(row["run_id"] is not None for row in rows["Annotation"])


DISTINCT = " ".join(
    f"{one.wire_name}: count(columns: {one.wire_name}, distinct: true)"
    for one in ENTITIES["Dataset"].scalars
)
NESTED = "{ deposition { datasets { edges { node " * 3 + "{ id }" + "}}}}" * 3
TOO_LARGE = (
    # few rows are read, and written many times over
    f"{{ datasets {NESTED} }}",
    "{ datasets { " + " ".join(f"a{number}: id" for number in range(600)) + " } }",
    "{ datasets { deposition { " + " ".join(f"a{n}: description" for n in range(20)) + " } } }",
    f"{{ datasetsAggregate {{ aggregate {{ {DISTINCT} groupBy {{ id }} }} }} }}",
    f"{{ depositions {{ datasetsAggregate {{ aggregate {{ {DISTINCT} groupBy {{ id }} }} }} }} }}",
)


def test_answers_that_would_be_too_large_are_refused(
    asker: Asker, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asker.ask(TOO_LARGE[0])
    monkeypatch.setattr(limits, "MOST_VALUES", 200)
    for query in TOO_LARGE:
        assert asker.send(query).json == {"data": None, "errors": [ANY]}, query[:100]
        assert "too large" in asker.refused(query), query[:100]
    assert len(asker.ask("{ runs { id } annotations { id } }")["runs"]) == len(rows["Run"])


def test_queries_that_take_too_long_are_refused(
    asker: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SECONDS", 0.0)
    for query in ("{ runs { id } }", "{ runs { dataset { id } } a: runs { id } }"):
        told: Any = asker.send(query).json
        assert len(told["errors"]) == 1
        assert "ask for less at once" in told["errors"][0]["message"]


def test_answers_with_too_many_errors_are_refused(
    asker: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_FIELD_ERRORS", 20)
    means = "runsAggregate { aggregate { avg { id } } }"
    wrong = " ".join(f"a{number}: {means}" for number in range(30))
    told: Any = asker.send(f"{{ {wrong} }}").json
    assert told["data"] is None
    assert "more than 20 errors" in told["errors"][-1]["message"]


def test_nothing_can_be_changed(asker: Asker) -> None:
    for mutation in (
        "deleteRun(where: {id: {_gt: 0}}) { id }",
        'updateRun(where: {}, input: {name: "x"}) { id }',
        'createGainFile(input: {id: 1, runId: 1, s3FilePath: "", httpsFilePath: ""}) { id }',
    ):
        assert "can only be read" in asker.refused(f"mutation {{ {mutation} }}")
    assert len(asker.ask('{ runs(where: {name: {_neq: "x"}}) { id } }')["runs"]) == len(
        asker.ask("{ runs { id } }")["runs"]
    ) - len(asker.ask('{ runs(where: {name: {_eq: "x"}}) { id } }')["runs"])


def test_queries_come_by_post_or_in_the_address(asker: Asker, app: Flask) -> None:
    anybody = Person(app)
    expected = asker.ask("{ runs { id } }")
    options: list[dict[str, Any]] = [
        {"method": "GET", "query_string": {"query": "{ runs { id } }"}},
        {
            "method": "GET",
            "query_string": {
                "query": "query A($n: Int) { runs(where: {id: {_neq: $n}}) { id } } "
                "query B { __typename }",
                "variables": '{"n": 0}',
                "operationName": "A",
            },
        },
        {"method": "POST", "data": "{ runs { id } }", "content_type": "application/graphql"},
        {"method": "POST", "json": {"query": "{ runs { id } }", "variables": None, "more": 1}},
    ]
    for path in ("/graphql", "/graphql/"):
        for given_options in options:
            response = anybody.request(path=path, **given_options)
            assert response.json == {"data": expected}, given_options
    query = {"query": "mutation { deleteRun(where: {}) { id } }"}
    by_address: Any = anybody.request("GET", "/graphql", query_string=query).json
    assert "send this by POST" in by_address["errors"][0]["message"]


@pytest.mark.parametrize(
    "options",
    [
        {"json": {}},
        {"json": []},
        {"json": {"query": 3}},
        {"json": {"query": "{ runs { id } }", "variables": 3}},
        {"json": {"query": "{ runs { id } }", "operationName": 3}},
        {"data": "{"},
        {"data": b"\xff"},
        {"data": "[" * 10_000},
    ],
)
def test_what_is_no_query_is_refused(app: Flask, options: dict[str, Any]) -> None:
    response = Person(app).request("POST", "/graphql", **options)
    assert response.status_code == 400
    told: Any = response.json
    assert told["errors"][0]["message"]


def test_pages_of_all_sites_may_ask(asker: Asker, app: Flask) -> None:
    origin = {"Origin": "https://elsewhere.example"}
    asked = {**origin, "Access-Control-Request-Method": "POST"}
    told = Person(app).request("OPTIONS", "/graphql", headers=asked)
    assert told.headers["Access-Control-Allow-Origin"] == "*"
    assert "Content-Type" in told.headers["Access-Control-Allow-Headers"]
    body = {"query": "{ runs { id } }"}
    answer = Person(app).request("POST", "/graphql", headers=origin, json=body)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_database_that_is_away_is_no_mistake_of_the_query(asker: Asker, app: Flask) -> None:
    options: list[dict[str, Any]] = [
        {"method": "POST", "json": {"query": "{ runs { id } }"}},
        {"method": "GET", "query_string": {"query": "{ runs { dataset { id } } }"}},
    ]
    with without_database(app):
        for one in options:
            response = Person(app).request(path="/graphql", **one)
            assert response.status_code == 503
            told: Any = response.json
            assert "database cannot be used" in told["errors"][0]["message"]


@given(query=queries(print_schema(SCHEMA)))
@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_valid_query_is_answered(asker: Asker, query: str) -> None:
    told: Any = asker.send(query).json
    assert set(told) <= {"data", "errors"}
    for error in told.get("errors", ()):
        assert "The server made a mistake" not in error["message"]
