"""Experiments and types that are gone at once, and removed piece by piece.

Foreign keys between the tables that are partitioned and others had to go for that; the one from
outlines to objects is now between the partitions of an experiment.
"""

import sqlalchemy as sa
from alembic import op

from tmlib.db.base import UtcDateTime
from tmlib.db.spatial import SQLITE_DDL

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None

_TYPE_KEY = 'fk_mapobjects_mapobject_type_id_mapobject_types'
_LAYER_KEY = 'fk_mapobject_segmentations_layer'
_OUTLINE_KEY = 'fk_mapobject_segmentations_mapobject'
_OUTLINE_REFERENCE = (
    f'CONSTRAINT {_OUTLINE_KEY} FOREIGN KEY (experiment_id, mapobject_id) '
    'REFERENCES {table} (experiment_id, id) ON DELETE CASCADE'
)


def upgrade() -> None:
    op.add_column('experiments', sa.Column('deletion_due', UtcDateTime(), nullable=True))
    op.create_index(op.f('ix_experiments_deletion_due'), 'experiments', ['deletion_due'])
    op.create_table('deleted_mapobject_types',
    sa.Column('mapobject_type_id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_deleted_mapobject_types_experiment_id_experiments'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('mapobject_type_id', name=op.f('pk_deleted_mapobject_types'))
    )
    op.create_index(op.f('ix_deleted_mapobject_types_experiment_id'), 'deleted_mapobject_types', ['experiment_id'])
    if op.get_bind().dialect.name == 'sqlite':
        _make_anew(never_reused=True)
        with op.batch_alter_table('mapobjects', recreate='always') as table:
            table.drop_constraint(_TYPE_KEY, type_='foreignkey')
        with op.batch_alter_table('mapobject_segmentations', recreate='always') as table:
            table.drop_constraint(_LAYER_KEY, type_='foreignkey')
        op.execute(SQLITE_DDL[1])
        return
    op.drop_constraint(_OUTLINE_KEY, 'mapobject_segmentations', type_='foreignkey')
    op.drop_constraint(_LAYER_KEY, 'mapobject_segmentations', type_='foreignkey')
    op.drop_constraint(_TYPE_KEY, 'mapobjects', type_='foreignkey')
    for experiment_id in _partitions():
        reference = _OUTLINE_REFERENCE.format(table=f'mapobjects_{experiment_id}')
        op.execute(f'ALTER TABLE mapobject_segmentations_{experiment_id} ADD {reference}')


def downgrade() -> None:
    _remove_what_is_deleted()
    if op.get_bind().dialect.name == 'sqlite':
        with op.batch_alter_table('mapobject_segmentations', recreate='always') as table:
            table.create_foreign_key(_LAYER_KEY, 'segmentation_layers', ['segmentation_layer_id'], ['id'], ondelete='CASCADE')
        op.execute(SQLITE_DDL[1])
        with op.batch_alter_table('mapobjects', recreate='always') as table:
            table.create_foreign_key(_TYPE_KEY, 'mapobject_types', ['mapobject_type_id'], ['id'], ondelete='CASCADE')
        _make_anew(never_reused=False)
    else:
        for experiment_id in _partitions():
            op.drop_constraint(_OUTLINE_KEY, f'mapobject_segmentations_{experiment_id}', type_='foreignkey')
        op.create_foreign_key(_TYPE_KEY, 'mapobjects', 'mapobject_types', ['mapobject_type_id'], ['id'], ondelete='CASCADE')
        op.create_foreign_key(_LAYER_KEY, 'mapobject_segmentations', 'segmentation_layers', ['segmentation_layer_id'], ['id'], ondelete='CASCADE')
        op.execute(f'ALTER TABLE mapobject_segmentations ADD {_OUTLINE_REFERENCE.format(table="mapobjects")}')
    op.drop_table('deleted_mapobject_types')
    op.drop_index(op.f('ix_experiments_deletion_due'), 'experiments')
    op.drop_column('experiments', 'deletion_due')


def _make_anew(*, never_reused: bool) -> None:
    """Let SQLite give numbers of deleted rows away again or not."""
    for name in ('mapobject_types', 'segmentation_layers'):
        with op.batch_alter_table(name, recreate='always', table_kwargs={'sqlite_autoincrement': never_reused}):
            pass


def _partitions() -> list[int]:
    """Numbers of the experiments that have partitions."""
    names = op.get_bind().scalars(sa.text(
        "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid "
        "WHERE inhparent = 'mapobjects'::regclass"
    ))
    return sorted(int(name.removeprefix('mapobjects_')) for name in names)


def _remove_what_is_deleted() -> None:
    """Finish deletions, which the earlier version does not know; files stay where they are."""
    for statement in (
        'DELETE FROM mapobject_segmentations WHERE experiment_id IN (SELECT id FROM experiments WHERE deletion_due IS NOT NULL)',
        'DELETE FROM mapobjects WHERE experiment_id IN (SELECT id FROM experiments WHERE deletion_due IS NOT NULL)',
        'DELETE FROM mapobject_segmentations WHERE segmentation_layer_id NOT IN (SELECT id FROM segmentation_layers)',
        'DELETE FROM mapobjects WHERE mapobject_type_id NOT IN (SELECT id FROM mapobject_types)',
    ):
        op.execute(statement)
    doomed = op.get_bind().scalars(sa.text('SELECT id FROM experiments WHERE deletion_due IS NOT NULL')).all()
    if op.get_bind().dialect.name == 'postgresql':
        for experiment_id in doomed:
            op.execute(f'DROP TABLE IF EXISTS mapobject_segmentations_{experiment_id}, mapobjects_{experiment_id}')
    op.execute('DELETE FROM experiments WHERE deletion_due IS NOT NULL')
