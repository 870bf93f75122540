"""Annotation tables: what people know of experiments, in rows that are superseded, never overwritten."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from tmlib.db.base import UtcDateTime

revision = '0022'
down_revision = '0021'
branch_labels = None
depends_on = None

_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')

# one index for all tables, whose number is the fourth dimension
_POSTGRESQL_INDEX = (
    "CREATE INDEX ix_annotations_box ON annotations USING gist (ST_MakeLine("
    "ST_MakePoint(min_x, min_y, min_z, CAST(annotation_table_id AS double precision)), "
    "ST_MakePoint(max_x, max_y, max_z, CAST(annotation_table_id AS double precision))) "
    "gist_geometry_ops_nd)"
)
_SQLITE_INDEX = (
    "CREATE VIRTUAL TABLE annotation_boxes USING rtree("
    "id, min_table, max_table, min_x, max_x, min_y, max_y, min_z, max_z)",
    "CREATE TRIGGER annotations_box_inserted AFTER INSERT ON annotations "
    "WHEN NEW.min_x IS NOT NULL BEGIN INSERT INTO annotation_boxes VALUES ("
    "NEW.row_id, NEW.annotation_table_id, NEW.annotation_table_id, NEW.min_x, NEW.max_x, "
    "NEW.min_y, NEW.max_y, NEW.min_z, NEW.max_z); END",
    "CREATE TRIGGER annotations_box_deleted AFTER DELETE ON annotations "
    "BEGIN DELETE FROM annotation_boxes WHERE id = OLD.row_id; END",
)


def upgrade() -> None:
    op.create_table('annotation_schemas',
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('definition', sa.JSON(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_annotation_schemas_user_id_users')),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_annotation_schemas'))
    )
    op.create_table('annotation_tables',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('schema_name', sa.String(length=100), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('notice', sa.Text(), nullable=True),
    sa.Column('flat_segmentation_source', sa.Text(), nullable=True),
    sa.Column('reference_table', sa.String(length=300), nullable=True),
    sa.Column('tracks_targets', sa.Boolean(), nullable=False),
    sa.Column('voxel_resolution_x', sa.Double(), nullable=False),
    sa.Column('voxel_resolution_y', sa.Double(), nullable=False),
    sa.Column('voxel_resolution_z', sa.Double(), nullable=False),
    sa.Column('read_permission', sa.String(length=20), nullable=False),
    sa.Column('write_permission', sa.String(length=20), nullable=False),
    sa.Column('next_id', sa.BigInteger(), nullable=False),
    sa.Column('n_rows', sa.BigInteger(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('changed_at', UtcDateTime(), nullable=False),
    sa.Column('deleted_at', UtcDateTime(), nullable=True),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_annotation_tables_experiment_id_experiments'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_annotation_tables_user_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_annotation_tables')),
    sa.UniqueConstraint('experiment_id', 'name', name=op.f('uq_annotation_tables_experiment_id_name')),
    sqlite_autoincrement=True
    )
    op.create_table('annotations',
    sa.Column('row_id', _BIG_ID, nullable=False),
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('annotation_table_id', sa.Integer(), nullable=False),
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('deleted_at', UtcDateTime(), nullable=True),
    sa.Column('deleted_by', sa.Integer(), nullable=True),
    sa.Column('supersedes', sa.BigInteger(), nullable=True),
    sa.Column('superseded_by', sa.BigInteger(), nullable=True),
    sa.Column('target_id', sa.BigInteger(), nullable=True),
    sa.Column('data', sa.JSON().with_variant(JSONB(), 'postgresql'), nullable=False),
    *(sa.Column(name, sa.Double(), nullable=True) for name in ('min_x', 'min_y', 'min_z', 'max_x', 'max_y', 'max_z')),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_annotations_experiment_id_experiments'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('row_id', name=op.f('pk_annotations')),
    sqlite_autoincrement=True
    )
    op.create_index('ix_annotations_id', 'annotations', ['experiment_id', 'annotation_table_id', 'id'], unique=True)
    op.create_index('ix_annotations_target', 'annotations', ['annotation_table_id', 'target_id'])
    op.create_table('annotation_target_changes',
    sa.Column('id', _BIG_ID, nullable=False),
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('row_id', sa.BigInteger(), nullable=False),
    sa.Column('target_id', sa.BigInteger(), nullable=False),
    sa.Column('changed_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_annotation_target_changes_experiment_id_experiments'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_annotation_target_changes'))
    )
    for column in ('experiment_id', 'row_id'):
        op.create_index(op.f(f'ix_annotation_target_changes_{column}'), 'annotation_target_changes', [column])
    op.create_table('annotation_requests',
    sa.Column('annotation_table_id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(length=255), nullable=False),
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('answer', sa.JSON(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['annotation_table_id'], ['annotation_tables.id'], name=op.f('fk_annotation_requests_annotation_table_id_annotation_tables'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_annotation_requests_experiment_id_experiments'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('annotation_table_id', 'user_id', 'key', name=op.f('pk_annotation_requests'))
    )
    op.create_index(op.f('ix_annotation_requests_experiment_id'), 'annotation_requests', ['experiment_id'])
    if op.get_bind().dialect.name == 'postgresql':
        op.execute(_POSTGRESQL_INDEX)
    else:
        for statement in _SQLITE_INDEX:
            op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == 'sqlite':
        op.execute('DROP TABLE annotation_boxes')
    for table in ('annotation_requests', 'annotation_target_changes', 'annotations', 'annotation_tables', 'annotation_schemas'):
        op.drop_table(table)
