"""Snapshots: moments at which tables are what they were, whatever is done later or at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.tmlib.annotation.conftest import Laboratory, tagged
from tmlib.annotation import reading, snapshots, tables
from tmlib.annotation.known_schemas import find_schema
from tmlib.annotation.models import AnnotationSnapshot
from tmlib.annotation.reading import Selection
from tmlib.errors import NotFound


def take(laboratory: Laboratory, name: str = "one") -> AnnotationSnapshot:
    with laboratory.database.transaction() as session:
        who = laboratory.people["mara"]
        return snapshots.take_snapshot(session, laboratory.experiment_id, who, name)


def tags_of(laboratory: Laboratory, name: str, number: int) -> list[str]:
    """What the rows of a table said at a snapshot."""
    experiment_id = laboratory.experiment_id
    with laboratory.database.session() as session:
        moment = snapshots.find_snapshot(session, experiment_id, number).created_at
        who = laboratory.people["mara"]
        table = tables.open_table(session, experiment_id, name, who, "read", as_of=moment)
        schema = find_schema(session, table.schema_name)
        found = reading.read_rows(session, table, schema, Selection(as_of=moment))
        return [row.values["tag"] for row in found]


def test_a_snapshot_stays_as_it_is(laboratory: Laboratory) -> None:
    assert take(laboratory).number == 1
    laboratory.make("cells")
    laboratory.post("cells", tagged("a"), tagged("b"))
    assert take(laboratory).number == 2
    laboratory.update("cells", {"id": 1, "tag": "c"})
    laboratory.delete("cells", 2)
    take(laboratory)
    with laboratory.database.transaction() as session:
        who = laboratory.people["mara"]
        tables.delete_table(session, laboratory.experiment_id, "cells", who)
    take(laboratory)
    with pytest.raises(NotFound, match="not there yet"):
        tags_of(laboratory, "cells", 1)
    assert tags_of(laboratory, "cells", 2) == ["a", "b"]
    assert tags_of(laboratory, "cells", 3) == ["c"]
    with pytest.raises(NotFound, match="was deleted"):
        tags_of(laboratory, "cells", 4)
    for number in (0, 5, 2**40):
        with pytest.raises(NotFound, match=f"no snapshot {number}"):
            tags_of(laboratory, "cells", number)


def test_what_follows_a_snapshot_is_not_in_it_whatever_the_clock_says(
    laboratory: Laboratory,
) -> None:
    laboratory.make("cells")
    take(laboratory)
    with laboratory.database.transaction() as session:
        first = snapshots.find_snapshot(session, laboratory.experiment_id, 1)
        first.created_at = ahead = first.created_at + timedelta(days=1)
    laboratory.post("cells", tagged("a"))
    laboratory.make("others")
    assert tags_of(laboratory, "cells", 1) == []
    with pytest.raises(NotFound, match="not there yet"):
        tags_of(laboratory, "others", 1)
    assert take(laboratory).created_at > ahead
    assert tags_of(laboratory, "cells", 2) == ["a"]


def test_snapshots_while_others_write(laboratory: Laboratory) -> None:
    laboratory.make("cells")

    def take_and_read() -> tuple[int, list[str]]:
        number = take(laboratory).number
        return number, tags_of(laboratory, "cells", number)

    with ThreadPoolExecutor(4) as pool:
        taken, posted = [], []
        for n in range(8):
            posted.append(pool.submit(laboratory.post, "cells", tagged(str(n))))
            taken.append(pool.submit(take_and_read))
        seen = dict(job.result() for job in taken)
        assert sorted(number for job in posted for number in job.result()) == list(range(1, 9))
    assert sorted(seen) == list(range(1, 9))
    # what had begun before a snapshot is in it, or never will be
    assert {number: tags_of(laboratory, "cells", number) for number in seen} == seen
