"""Everything that a workflow leaves behind, in a form that two runs can be compared by.

Numbers that are given away as rows come, and parts of file names that are drawn by lot, differ
from run to run and mean nothing. They are replaced by what they stand for: a site's number by its
well and place, a type's by its name. All the rest must be equal, to the last bit.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from shapely.geometry.base import BaseGeometry
from sqlalchemy import Table, func, select, table, text

from tests.services.installation import await_removal
from tmlib.db import Base, Database
from tmlib.db.base import UtcDateTime
from tmlib.db.partitions import PARTITIONED
from tmlib.db.spatial import RTREE
from tmlib.storage import ExperimentStorage

# how often and by whom work was done, and when files were written, is no part of its result
_LEDGER = {"submissions", "tasks", "jobs", "fingerprints"}

# names of files, and what is made of the time at which files were written
_DRAWN_BY_LOT = {("channel_layers", "version")}

_IDENTIFIERS = ["mapobject_id", "label", "site_id"]
_NUMBERED = re.compile(r"(?<![a-z])(plate|acquisition|channel|type)_(\d+)")
_LOT = re.compile(r"_[0-9a-f]{16}(?=\.|$)")
_TABLES = {
    "plate": "plates",
    "acquisition": "acquisitions",
    "channel": "channels",
    "type": "mapobject_types",
}


@dataclass(frozen=True)
class Fingerprint:
    """What there is, each thing with the number of times that it is there.

    Attributes
    ----------
    rows
        By table, what the rows say.
    files
        Path and digest of the content.
    """

    rows: Mapping[str, Counter[str]]
    files: Counter[tuple[str, str]]

    def differences(self, other: "Fingerprint", limit: int = 2) -> list[str]:
        """In what another one differs from this, a sentence each."""
        found = []
        for name in sorted({*self.rows, *other.rows}):
            mine, others = self.rows.get(name, Counter()), other.rows.get(name, Counter())
            found += [f"{name} lacks {row}" for row in list((mine - others).elements())[:limit]]
            found += [f"{name} also has {row}" for row in list((others - mine).elements())[:limit]]
        lacking = {path for path, _ in (self.files - other.files)}
        more = {path for path, _ in (other.files - self.files)}
        found += [f"{path} has other content" for path in sorted(lacking & more)]
        found += [f"{path} is missing" for path in sorted(lacking - more)]
        found += [f"{path} should not be there" for path in sorted(more - lacking)]
        return found


def take(database: Database, storage: ExperimentStorage) -> Fingerprint:
    """The fingerprint of an experiment, when workers have removed what it has replaced."""
    await_removal(database)
    rows = _Rows(database, storage.experiment_id)
    described = {
        table.name: Counter(rows.described(table))
        for table in rows.tables
        if table.name not in _LEDGER
    }
    files = Counter(
        (rows.named(path.relative_to(storage.root)), _digest(path, rows))
        for path in sorted(storage.root.rglob("*"))
        if path.is_file() and not _is_no_result(path.relative_to(storage.root))
    )
    return Fingerprint(described, files)


def _is_owned(table: Table) -> bool:
    """Whether its rows go with the experiment; what is logged of it, for example, stays."""
    column = table.columns.get("experiment_id")
    return column is not None and bool(column.foreign_keys)


def _is_no_result(path: Path) -> bool:
    """Whether a file's name says that it is not complete, or made from others whenever wanted."""
    is_hidden = any(part.startswith(".") for part in path.parts)
    return (
        is_hidden or path.parts[0] == "tiles" or path.name.endswith((".tmp", ".draft", ".__lock"))
    )


def leftovers(database: Database, experiment_id: int) -> list[str]:
    """What is still there of an experiment that was deleted."""
    rows = _Rows(database, experiment_id)
    found = [f"{n} rows of {table.name}" for table in rows.tables if (n := len(rows.of(table)))]
    with database.session() as session:
        if database.is_sqlite:
            n_boxes = session.scalar(select(func.count()).select_from(table(RTREE)))
            segmentations = Base.metadata.tables["mapobject_segmentations"]
            n_outlines = session.scalar(select(func.count()).select_from(segmentations))
            if n_boxes != n_outlines:
                found.append(f"{n_boxes} boxes for {n_outlines} outlines")
        else:
            names = session.scalars(
                text("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE :name"),
                {"name": rf"%\_{experiment_id}"},
            )
            found += [f"partition {name}" for name in names]
    return found


class _Rows:
    """All rows of an experiment, and what they are about."""

    def __init__(self, database: Database, experiment_id: int) -> None:
        self.tables = [
            table
            for table in Base.metadata.sorted_tables
            if table.name in ("experiments", *PARTITIONED) or _is_owned(table)
        ]
        self._rows: dict[str, list[Mapping[str, Any]]] = {}
        with database.session() as session:
            for table in self.tables:
                owner = table.c.id if table.name == "experiments" else table.c.experiment_id
                query = select(table).where(owner == experiment_id)
                self._rows[table.name] = [dict(row) for row in session.execute(query).mappings()]
        self._by_id = {
            name: {row["id"]: row for row in rows if "id" in row}
            for name, rows in self._rows.items()
        }
        self._labels = {
            row["mapobject_id"]: row["label"] for row in self._rows["mapobject_segmentations"]
        }

    def of(self, table: Table) -> list[Mapping[str, Any]]:
        return self._rows[table.name]

    def described(self, table: Table) -> Iterator[str]:
        """What each row of a table says."""
        return (self._describe(table, row) for row in self._rows[table.name])

    def named(self, path: Path) -> str:
        """A path with names in place of numbers, and without what was drawn by lot."""
        return "/".join(self._name(part) for part in path.parts)

    def values(self, path: Path) -> list[Any]:
        """What a file of feature values says: of which object, and the columns."""
        table = pq.read_table(path)
        objects = Base.metadata.tables["mapobjects"]
        about = []
        for number, label, site in zip(*(table[n].to_pylist() for n in _IDENTIFIERS), strict=True):
            row = self._by_id["mapobjects"].get(number)
            is_right = row is not None and row["ref_id"] == site
            is_right &= self._labels.get(number) in (label, None)
            owner = self._describe(objects, row) if row is not None else "of nobody"
            about.append((owner, label, is_right))
        order = sorted(range(len(about)), key=lambda index: repr(about[index]))
        columns = {
            name: table[name].to_numpy()[order].tobytes().hex()
            for name in sorted(table.column_names)
            if name not in _IDENTIFIERS
        }
        return [[about[index] for index in order], columns]

    def _describe(self, table: Table, row: Mapping[str, Any]) -> str:
        said = {}
        for column in table.columns:
            name, value = column.name, row[column.name]
            is_owner = name in ("experiment_id", "user_id")
            is_own_number = name == "id" and column.primary_key
            is_time = isinstance(column.type, UtcDateTime) and name != "acquired_at"
            if is_owner or is_own_number or is_time or (table.name, name) in _DRAWN_BY_LOT:
                continue
            if table.name == "experiments" and name == "name":
                continue
            said[name] = self._plain(table, column, row, value)
        return json.dumps(said, sort_keys=True, default=str)

    def _plain(self, table: Table, column: Any, row: Mapping[str, Any], value: Any) -> Any:
        if value is None:
            return None
        if table.name == "mapobjects" and column.name == "ref_id":
            kind = self._by_id["mapobject_types"][row["mapobject_type_id"]]["ref_type"]
            return self._refer(f"{kind.lower()}s", value)
        # not all of them are foreign keys: partitions do without some
        referred = f"{column.name.removesuffix('_id')}s"
        if column.name.endswith("_id") and referred in self._by_id:
            return self._refer(referred, value)
        if isinstance(value, BaseGeometry):
            return value.wkb_hex
        if isinstance(value, bytes):
            return value.hex()
        if column.name == "path":
            return self.named(Path(value))
        return value

    def _refer(self, table_name: str, number: Any) -> Any:
        row = self._by_id[table_name].get(number)
        if row is None:
            return f"of nobody: {number}"
        return json.loads(self._describe(Base.metadata.tables[table_name], row))

    def _name(self, part: str) -> str:
        return _LOT.sub("", _NUMBERED.sub(self._name_of, part))

    def _name_of(self, found: re.Match[str]) -> str:
        row = self._by_id[_TABLES[found[1]]].get(int(found[2]))
        return f"{found[1]}_{'of_nobody' if row is None else row['name']}"


def _digest(path: Path, rows: _Rows) -> str:
    if path.suffix == ".parquet":
        content = json.dumps(rows.values(path)).encode()
    elif path.suffix == ".npz":
        with np.load(path) as arrays:
            content = b"".join(
                name.encode() + np.ascontiguousarray(arrays[name]).tobytes() for name in arrays
            )
    elif path.name == "regions.json":
        # digests of the times at which images were written: only which regions there are counts
        levels = json.loads(path.read_text())
        content = json.dumps([sorted(level) for level in levels]).encode()
    else:
        content = path.read_bytes()
    return hashlib.sha256(content).hexdigest()
