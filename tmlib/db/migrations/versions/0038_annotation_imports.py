"""Imports of annotations: files whose rows are entered by jobs."""

import sqlalchemy as sa
from alembic import op

from tmlib.db.base import UtcDateTime

revision = '0038'
down_revision = '0037'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('annotation_imports',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('annotation_table_id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('is_admin', sa.Boolean(), nullable=False),
    sa.Column('submission_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('file_format', sa.String(length=20), nullable=False),
    sa.Column('path', sa.String(length=255), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('n_rows', sa.BigInteger(), nullable=True),
    sa.Column('entered_at', UtcDateTime(), nullable=True),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_annotation_imports_experiment_id_experiments'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_annotation_imports')),
    sa.UniqueConstraint('submission_id', name=op.f('uq_annotation_imports_submission_id'))
    )
    op.create_index(op.f('ix_annotation_imports_experiment_id'), 'annotation_imports', ['experiment_id'], unique=False)


def downgrade() -> None:
    op.drop_table('annotation_imports')
