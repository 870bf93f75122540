"""Uploads that go on where they broke off."""

import sqlalchemy as sa
from alembic import op

from tmlib.db.base import UtcDateTime

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('resumable_uploads',
    sa.Column('token', sa.String(length=32), nullable=False),
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('file_id', sa.Integer(), nullable=False),
    sa.Column('length', sa.BigInteger(), nullable=False),
    sa.Column('offset', sa.BigInteger(), nullable=False),
    sa.Column('sent_metadata', sa.Text(), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=True),
    sa.Column('expires_at', UtcDateTime(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_resumable_uploads_experiment_id_experiments'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['file_id'], ['microscope_files.id'], name=op.f('fk_resumable_uploads_file_id_microscope_files'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('token', name=op.f('pk_resumable_uploads'))
    )
    op.create_index(op.f('ix_resumable_uploads_experiment_id'), 'resumable_uploads', ['experiment_id'], unique=False)
    op.create_index(op.f('ix_resumable_uploads_expires_at'), 'resumable_uploads', ['expires_at'], unique=False)
    op.create_index(op.f('ix_resumable_uploads_file_id'), 'resumable_uploads', ['file_id'], unique=False)


def downgrade() -> None:
    op.drop_table('resumable_uploads')
