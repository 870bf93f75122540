"""Objects know their label: what has one type, site and label is one object at all times.

Objects that have been recorded at several time points so far keep an id at each: these are in
files of values, in results of tools and in what users have noted. The first of them has the label,
so that it is found when the site is recorded again; no other id is lost or changed.
"""

import sqlalchemy as sa
from alembic import op

revision = '0019'
down_revision = '0018'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('mapobjects', sa.Column('label', sa.Integer(), nullable=True))
    op.execute(
        """
        UPDATE mapobjects SET label = first.label
        FROM (
            SELECT o.experiment_id, min(o.id) AS id, s.label
            FROM mapobjects o
            JOIN mapobject_segmentations s
            ON s.experiment_id = o.experiment_id AND s.mapobject_id = o.id
            WHERE s.label IS NOT NULL
            GROUP BY o.experiment_id, o.mapobject_type_id, o.ref_id, s.label
        ) AS first
        WHERE mapobjects.experiment_id = first.experiment_id AND mapobjects.id = first.id
        """
    )
    op.drop_index('ix_mapobjects_mapobject_type_id_ref_id', 'mapobjects')
    op.create_index(
        'ix_mapobjects_label',
        'mapobjects',
        ['experiment_id', 'mapobject_type_id', 'ref_id', 'label'],
        unique=True,
    )


def downgrade() -> None:
    op.create_index(
        'ix_mapobjects_mapobject_type_id_ref_id', 'mapobjects', ['mapobject_type_id', 'ref_id']
    )
    op.drop_index('ix_mapobjects_label', 'mapobjects')
    op.drop_column('mapobjects', 'label')
