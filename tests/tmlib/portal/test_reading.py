"""Filters, orders, pages and numbers beside the same worked out one row at a time."""

import itertools
import random
import statistics
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import literal, select

from tests.services.catalogue import (
    Row,
    Rows,
    count_of,
    fits,
    random_where,
    related,
)
from tmlib.db import Database, texts
from tmlib.errors import BadInput
from tmlib.portal.aggregates import Aggregation
from tmlib.portal.declaration import ENTITIES, target
from tmlib.portal.declaration.entity import Entity, Item, Kind, Many
from tmlib.portal.reading import Page, Reader

N_TRIES = 200
WAYS = ("asc", "asc_nulls_first", "asc_nulls_last", "desc", "desc_nulls_first", "desc_nulls_last")


def tries(seed: int, n_tries: int = N_TRIES) -> Iterator[tuple[random.Random, Entity]]:
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    for _ in range(n_tries):
        yield chance, chance.choice(list(ENTITIES.values()))


def as_read(entity: Entity, names: list[str], row: Row) -> Row:
    return {name: row[entity.fields[name].column] for name in names}


def test_a_filter_finds_what_fits_it(reader: Reader, rows: Rows) -> None:
    n_found = 0
    for chance, entity in tries(1):
        where = random_where(chance, entity, levels=chance.randrange(5))
        names = list(entity.fields)
        expected = [row for row in rows[entity.name] if fits(rows, entity, row, where)]
        expected.sort(key=lambda row: row["id"])
        found = reader.rows(entity, names, where)
        assert found == [as_read(entity, names, row) for row in expected], (entity.name, where)
        n_found += 0 < len(found) < len(rows[entity.name])
    assert n_found > N_TRIES / 4


def random_order(chance: random.Random, entity: Entity, levels: int) -> dict[str, Any]:
    names: list[Any] = [one.wire_name for one in entity.scalars]
    if levels and entity.items and chance.random() < 0.5:
        item = chance.choice(entity.items)
        return {item.wire_name: random_order(chance, target(item), levels - 1)}
    return {chance.choice(names): chance.choice(WAYS)}


def key_of(rows: Rows, entity: Entity, row: Row, clause: dict[str, Any]) -> tuple[Any, str]:
    [(name, content)] = clause.items()
    if name in entity.fields:
        value = row[entity.fields[name].column]
        field: Any = entity.fields[name]
        is_matrix = field.kind is Kind.MATRIX and value is not None
        return (str(value) if is_matrix else value), content
    relation = entity.relations[name]
    found = related(rows, entity, row, name)
    if found:
        return key_of(rows, target(relation), found[0], content)
    while isinstance(content, dict):
        [content] = content.values()
    return None, content


def in_order(rows: Rows, entity: Entity, some: list[Row], clauses: list[Any]) -> list[Row]:
    ordered = sorted(some, key=lambda row: row["id"])
    for clause in reversed(clauses):
        keys = {row["id"]: key_of(rows, entity, row, clause) for row in some}
        empty = [row for row in ordered if keys[row["id"]][0] is None]
        full = [row for row in ordered if keys[row["id"]][0] is not None]
        way = next(iter(keys.values()))[1] if keys else "asc"
        # sorted keeps the order of what is alike also when it is reversed
        full.sort(key=lambda row: keys[row["id"]][0], reverse=way.startswith("desc"))
        first = way.endswith("first") or way == "desc"
        ordered = [*empty, *full] if first else [*full, *empty]
    return ordered


def test_rows_come_in_the_order_that_is_asked_for(reader: Reader, rows: Rows) -> None:
    for chance, entity in tries(2):
        clauses = [random_order(chance, entity, 3) for _ in range(chance.randrange(4))]
        expected = in_order(rows, entity, rows[entity.name], clauses)
        limit, offset = chance.choice(((None, None), (5, None), (5, 3), (0, None), (100, 10)))
        found = reader.rows(entity, ["id"], None, clauses, limit, offset)
        part = expected[offset or 0 :][: limit or None]
        assert [row["id"] for row in found] == [row["id"] for row in part], clauses


@pytest.mark.parametrize(("limit", "offset"), [(None, 3), (0, 3), (-1, None), (5, -1)])
def test_parts_that_make_no_sense_are_refused(
    reader: Reader, limit: int | None, offset: int | None
) -> None:
    with pytest.raises(BadInput, match="offset"):
        reader.rows(ENTITIES["Run"], ["id"], limit=limit, offset=offset)


def test_pages_of_relations_are_parts_of_what_belongs_to_each(reader: Reader, rows: Rows) -> None:
    for chance, entity in tries(3):
        if not entity.lists:
            continue
        relation = chance.choice(entity.lists)
        there = target(relation)
        where = random_where(chance, there, levels=1) if chance.random() < 0.3 else None
        clauses = [random_order(chance, there, 1) for _ in range(chance.randrange(2))]
        few = (None, None, 1, 2, 4)
        options = {
            **{name: chance.choice(few) for name in ("first", "last")},
            **{name: chance.choice(few) for name in ("after", "before")},
        }
        ids = {row["id"] for row in rows[entity.name]}
        found = reader.pages(entity, relation, ids, ["id"], where, clauses, Page.of(**options))
        for row in rows[entity.name]:
            all_of_it = [
                other
                for other in related(rows, entity, row, relation.wire_name)
                if fits(rows, there, other, where)
            ]
            expected = in_order(rows, there, all_of_it, clauses)
            start = 0 if options["after"] is None else options["after"] + 1
            part = expected[start : options["before"]]
            part = part if options["first"] is None else part[: options["first"]]
            part = part if options["last"] is None else part[max(0, len(part) - options["last"]) :]
            page = found[row["id"]]
            assert [other["id"] for other in page.rows] == [other["id"] for other in part], options
            if part:
                assert page.total == len(expected)
                assert page.start == expected.index(part[0])


def test_items_are_what_rows_refer_to_if_it_fits(reader: Reader, rows: Rows) -> None:
    for chance, entity in tries(4, 100):
        if not entity.items:
            continue
        item: Item = chance.choice(entity.items)
        there = target(item)
        where = random_where(chance, there, levels=2)
        ids = {row[item.column] for row in rows[entity.name]} - {None}
        found = reader.items(item, ids, ["id"], where)
        assert set(found) == {
            row["id"]
            for row in rows[there.name]
            if row["id"] in ids and fits(rows, there, row, where)
        }


def random_aggregation(chance: random.Random, entity: Entity) -> Aggregation:
    numbers = [one.wire_name for one in entity.scalars if one.is_number]
    extremes = [one.wire_name for one in entity.scalars if one.has_extremes]
    countable = [one.wire_name for one in entity.scalars]
    functions = {
        name: frozenset(chance.sample(numbers, min(2, len(numbers))))
        for name in chance.sample(("sum", "avg", "stddev", "variance"), 2)
    }
    functions |= {
        name: frozenset(chance.sample(extremes, min(3, len(extremes)))) for name in ("min", "max")
    }
    counts = {(chance.random() < 0.6, chance.choice([None, *countable])) for _ in range(2)}
    groups = random_groups(chance, entity, 2) if chance.random() < 0.6 else None
    return Aggregation(functions, frozenset(counts), groups or None)


def random_groups(chance: random.Random, entity: Entity, levels: int) -> dict[str, Any]:
    groups: dict[str, Any] = {}
    if chance.random() < 0.7:
        groups[chance.choice([one.wire_name for one in entity.scalars])] = None
    if levels and chance.random() < 0.5:
        name = chance.choice(list(entity.relations))
        inner = random_groups(chance, target(entity.relations[name]), levels - 1)
        groups |= {name: inner} if inner else {}
    return groups


def groupings(rows: Rows, entity: Entity, row: Row, groups: Any) -> Iterator[dict[str, Any]]:
    """The groups that a row is in: several where a relation leads to several rows."""
    choices = []
    for name, inner in groups.items():
        if inner is None:
            choices.append([(name, row[entity.fields[name].column])])
            continue
        relation = entity.relations[name]
        found = related(rows, entity, row, name)
        choices.append(
            [(name, one) for o in found for one in groupings(rows, target(relation), o, inner)]
        )
    for chosen in itertools.product(*choices):
        yield dict(chosen)


def told_about(entity: Entity, some: list[Row], asked: Aggregation) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for function, names in asked.functions.items():
        told[function] = {}
        for name in names:
            values = [row[entity.fields[name].column] for row in some]
            values = [value for value in values if value is not None]
            told[function][name] = one_number(function, values)
    told["counts"] = {
        (distinct, column): count_of(entity, some, distinct, column)
        for distinct, column in asked.counts
    }
    return told


def one_number(function: str, values: list[Any]) -> Any:
    if function in ("stddev", "variance"):
        spread = statistics.stdev if function == "stddev" else statistics.variance
        return pytest.approx(spread(values), rel=1e-6) if len(values) > 1 else None
    if not values:
        return None
    if function in ("min", "max"):
        return min(values) if function == "min" else max(values)
    total = sum(values)
    return pytest.approx(total if function == "sum" else total / len(values), rel=1e-9)


def test_numbers_are_those_of_the_rows_of_each_group(reader: Reader, rows: Rows) -> None:
    for chance, entity in tries(5):
        where = random_where(chance, entity, levels=1) if chance.random() < 0.3 else None
        asked = random_aggregation(chance, entity)
        expected: dict[str, tuple[dict[str, Any], list[Row]]] = {}
        for row in rows[entity.name]:
            if fits(rows, entity, row, where):
                for group in groupings(rows, entity, row, asked.groups or {}):
                    expected.setdefault(repr(group), (group, []))[1].append(row)
        if asked.groups is None and not expected:
            expected["{}"] = ({}, [])
        found = reader.aggregate(entity, asked, where)
        assert len(found) == len(expected), asked
        for told in found:
            group, some = expected[repr(in_form_of(told.pop("groupBy"), asked.groups or {}))]
            assert told == told_about(entity, some, asked), (group, asked)


def in_form_of(group: dict[str, Any], groups: Any) -> dict[str, Any]:
    return {
        name: group[name] if inner is None else in_form_of(group[name], inner)
        for name, inner in groups.items()
    }


def test_numbers_about_relations_are_of_what_belongs_to_each(reader: Reader, rows: Rows) -> None:
    for chance, entity in tries(6, 100):
        if not entity.lists:
            continue
        relation: Many = chance.choice(entity.lists)
        there = target(relation)
        asked = random_aggregation(chance, there)
        asked = Aggregation(asked.functions, asked.counts, None)
        ids = {row["id"] for row in rows[entity.name]}
        found = reader.aggregates(entity, relation, ids, asked, None)
        for row in rows[entity.name]:
            some = related(rows, entity, row, relation.wire_name)
            if not some:
                assert row["id"] not in found
                continue
            [told] = found[row["id"]]
            del told["groupBy"]
            assert told == told_about(there, some, asked)


@pytest.mark.parametrize(
    "where",
    [
        {"name": {"_eq": "a\0b"}},
        {"name": {"_in": ["\ud800"]}},
        {"name": {"_gt": None}},
        {"name": {"_like": "a" * 6000}},
        *({"name": {"_regex": wrong}} for wrong in ("a**", "(", "a{999}", r"(a)\1", "(?=a)", "[")),
        *({"name": {"_regex": wrong}} for wrong in ("[a-b-c]", "[b-a]", r"[\d-z]", r"[a-\d]")),
    ],
)
def test_what_cannot_be_compared_is_refused(reader: Reader, where: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        reader.rows(ENTITIES["Run"], ["id"], where)


def test_hyphens_in_sets_are_characters_or_ranges(database: Database) -> None:
    expressions = {"[a-c]": "abc", "[-a]": "-a", "[a-]": "a-", "[a-b-]": "ab-", "[+--]": "+-"}
    with database.connection() as connection:
        for expression, characters in expressions.items():
            for one in "+-abc":
                found = texts.matches(
                    connection.dialect, literal(one), expression, ignores_case=False
                )
                assert connection.scalar(select(found)) is (one in characters), expression


def test_a_sigma_is_the_same_letter_wherever_it_stands(database: Database) -> None:
    greek = ("ΟΔΟΣ", "οδος", "ΣΟΦΙΑ", "σοφος")
    patterns = {
        "οδο_": {0, 1},
        "%Σ": {0, 1, 3},
        "ΟΔΟς%": {0, 1},
        "%\N{GREEK SMALL LETTER SIGMA}%": {0, 1, 2, 3},
        "ΣΟΦ%": {2, 3},
    }
    with database.connection() as connection:
        for pattern, expected in patterns.items():
            for number, text in enumerate(greek):
                found = texts.like(connection.dialect, literal(text), pattern, ignores_case=True)
                assert connection.scalar(select(found)) is (number in expected), (pattern, text)


def test_filters_have_bounds(reader: Reader) -> None:
    deep: dict[str, Any] = {"id": {"_gt": 0}}
    for _ in range(4):
        deep = {"annotations": {"run": deep}}
    assert reader.rows(ENTITIES["Run"], ["id"], deep)
    with pytest.raises(BadInput, match="deeper"):
        reader.rows(ENTITIES["Annotation"], ["id"], {"run": deep})
    many = list(range(5000))
    assert reader.rows(ENTITIES["Run"], ["id"], {"id": {"_in": many}})
