"""An experiment with annotation tables, and people who use them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from tests.services.experiments import add_experiment
from tmlib.accounts.models import User
from tmlib.annotation import reading, rows, tables
from tmlib.annotation.known_schemas import find_schema
from tmlib.annotation.models import AnnotationTable
from tmlib.annotation.reading import Row, Selection
from tmlib.annotation.rows import Place
from tmlib.annotation.tables import Annotator, NewTable
from tmlib.db import Database
from tmlib.experiments.sharing import share_experiment


@dataclass
class Laboratory:
    """An experiment, and ways to annotate it as its owner or as others."""

    database: Database
    experiment_id: int
    people: dict[str, Annotator]

    def make(
        self, name: str, schema: str = "bound_tag", who: str = "mara", **options: Any
    ) -> AnnotationTable:
        new = NewTable(
            name=name,
            schema_name=schema,
            description="-",
            **{"voxel_resolution": (325.0, 325.0, 1000.0), "write_permission": "PUBLIC"} | options,
        )
        with self.database.transaction() as session:
            return tables.create_table(session, self.experiment_id, self.people[who], new)

    def place(self, name: str, who: str = "mara", key: str | None = None) -> Place:
        return Place(self.database, self.experiment_id, name, self.people[who], key)

    def post(self, name: str, *sent: dict[str, Any], **more: Any) -> list[int]:
        return rows.post_rows(self.place(name, **more), sent)

    def update(self, name: str, *sent: dict[str, Any], **more: Any) -> dict[int, int]:
        return rows.update_rows(self.place(name, **more), sent)

    def delete(self, name: str, *ids: int, **more: Any) -> list[int]:
        return rows.delete_rows(self.place(name, **more), ids)

    def read(self, name: str, who: str = "mara", **which: Any) -> list[Row]:
        with self.database.session() as session:
            table = tables.open_table(session, self.experiment_id, name, self.people[who], "read")
            schema = find_schema(session, table.schema_name)
            return list(reading.read_rows(session, table, schema, Selection(**which)))

    def tags(self, name: str, **which: Any) -> dict[int, str]:
        return {row.id: row.values["tag"] for row in self.read(name, **which)}

    def moment(self, name: str) -> datetime:
        """When a table was changed last."""
        with self.database.session() as session:
            return tables.find_table(session, self.experiment_id, name).changed_at


def tagged(tag: str, x: float = 1, y: float = 2, z: float = 0, **more: Any) -> dict[str, Any]:
    """A row of the schema bound_tag."""
    return {"pt": {"position": [x, y, z]}, "tag": tag, **more}


@pytest.fixture
def laboratory(database: Database) -> Laboratory:
    with database.transaction() as session:
        experiment_id = add_experiment(session).id
        people = {}
        for name in ("mara", "tom", "eve"):
            user = User(name=name, email=f"{name}@lab.example", password_hash="-")
            session.add(user)
            session.flush()
            people[name] = Annotator(user.id)
            share_experiment(session, experiment_id, user.id, write_access=True)
    return Laboratory(database, experiment_id, people)
