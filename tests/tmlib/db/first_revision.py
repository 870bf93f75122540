"""A database as the first version has left it: an analysed experiment, as a dump has its rows."""

from pathlib import Path

import shapely
from sqlalchemy import text

from tmlib.db import Database
from tmlib.db.spatial import RTREE

_PARTITIONS = """
CREATE TABLE mapobjects_3 PARTITION OF mapobjects FOR VALUES IN (3);
CREATE TABLE mapobject_segmentations_3 PARTITION OF mapobject_segmentations FOR VALUES IN (3)
"""

_ROWS = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")

_OBJECTS = (
    (20, 10, 1, None, shapely.box(1, 1, 398, 398)),
    (21, 11, 2, 1, shapely.box(10, 10, 20, 20)),
    (22, 12, 2, 2, shapely.box(30, 30, 40, 50)),
)


def load(database: Database) -> None:
    """Enter the rows into a database of the first revision."""
    with database.transaction() as session:
        statements = _ROWS if database.is_sqlite else f"{_PARTITIONS};{_ROWS}"
        for statement in statements.split(";\n"):
            session.connection().exec_driver_sql(statement)
        for segmentation_id, object_id, layer_id, label, outline in _OBJECTS:
            x, y, right, bottom = map(int, outline.bounds)
            session.execute(
                text(
                    "INSERT INTO mapobject_segmentations VALUES "
                    "(3, :id, :object_id, :layer_id, :label, false, :y, :x, :outline)"
                ),
                {
                    "id": segmentation_id,
                    "object_id": object_id,
                    "layer_id": layer_id,
                    "label": label,
                    "y": (y + bottom) / 2,
                    "x": (x + right) / 2,
                    "outline": outline.wkb if database.is_sqlite else outline.wkb_hex,
                },
            )
            if database.is_sqlite:
                box = (segmentation_id, layer_id, layer_id, x, right, y, bottom)
                session.connection().exec_driver_sql(
                    f"INSERT INTO {RTREE} VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - a constant
                    box,
                )
