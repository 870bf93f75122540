"""How SQLite finds what lies in a box, however many other objects there are."""

from sqlalchemy import event, select, text

from tmlib.db import Database
from tmlib.db.spatial import in_box, order_in_box
from tmlib.objects.models import MapobjectSegmentation, SegmentationLayer
from tmlib.objects.tiles.outlines_in_box import outlines_in_box


def test_sqlite_looks_up_what_it_has_found(sqlite_url: str) -> None:
    found = MapobjectSegmentation
    database = Database(sqlite_url)
    with database.session() as session:
        box = (0.0, 0.0, 256.0, 256.0)
        touching = in_box(session, found.id, found.segmentation_layer_id, found.outline, 1, box)
        query = (
            select(found.mapobject_id)
            .where(found.experiment_id == 1, touching)
            .order_by(order_in_box(found.mapobject_id))
        )
        statement = query.compile(session.connection(), compile_kwargs={"literal_binds": True})
        plan = [row[3] for row in session.execute(text(f"EXPLAIN QUERY PLAN {statement}"))]
    database.close()
    assert "experiment_id=? AND id=?" in plan[0]


def test_sqlite_does_not_walk_through_the_ids_of_a_page(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    layer = SegmentationLayer(id=1, experiment_id=1)
    statements: list[str] = []
    event.listen(
        database.engine,
        "before_cursor_execute",
        lambda *arguments: statements.append(arguments[2]),
    )
    with database.session() as session:
        outlines_in_box(session, layer, (0, 0, 256, 256), after=1000, limit=100)
        query = statements[-1]
        plan = [row[3] for row in session.execute(text(f"EXPLAIN QUERY PLAN {_filled(query)}"))]
    database.close()
    assert "experiment_id=? AND id=?" in plan[0]


def _filled(statement: str) -> str:
    """The statement with a number for each parameter."""
    return statement.replace("?", "1")
