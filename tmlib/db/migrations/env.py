"""Runs migrations on the connection that the caller has opened."""

from alembic import context

from tmlib.db.base import Base
from tmlib.db.spatial import is_schema_object

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    include_object=is_schema_object,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
