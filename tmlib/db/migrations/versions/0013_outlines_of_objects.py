"""Outlines are found by experiment and object, as the foreign key asks for them.

With an index on the object alone, PostgreSQL also looked through all outlines of the experiment for
each object that was deleted, until it had statistics of a new partition.
"""

from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index('ix_mapobject_segmentations_object', 'mapobject_segmentations', ['experiment_id', 'mapobject_id'])
    op.drop_index('ix_mapobject_segmentations_mapobject_id', 'mapobject_segmentations')


def downgrade() -> None:
    op.create_index('ix_mapobject_segmentations_mapobject_id', 'mapobject_segmentations', ['mapobject_id'])
    op.drop_index('ix_mapobject_segmentations_object', 'mapobject_segmentations')
