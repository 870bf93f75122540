"""How SQLite finds what lies in a box, however many other objects there are."""

from sqlalchemy import select, text

from tmlib.db import Database
from tmlib.db.spatial import in_box, order_in_box
from tmlib.objects.models import MapobjectSegmentation


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
