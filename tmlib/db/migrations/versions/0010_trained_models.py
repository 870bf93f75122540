"""Models that tools have trained, what they found out about wells, and how far their jobs are."""

import sqlalchemy as sa
from alembic import op

from tmlib.db.base import UtcDateTime

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('jobs', sa.Column('share_done', sa.Double(), server_default=sa.text('0'), nullable=False))
    op.add_column('tool_results', sa.Column('wells_path', sa.String(length=255), nullable=True))
    op.create_table('tool_models',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('submission_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('description', sa.JSON(), nullable=False),
    sa.Column('path', sa.String(length=255), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_tool_models_experiment_id_experiments'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['submission_id'], ['submissions.id'], name=op.f('fk_tool_models_submission_id_submissions'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tool_models')),
    sa.UniqueConstraint('experiment_id', 'name', name=op.f('uq_tool_models_experiment_id_name')),
    sa.UniqueConstraint('path', name=op.f('uq_tool_models_path'))
    )
    op.create_index(op.f('ix_tool_models_submission_id'), 'tool_models', ['submission_id'], unique=False)


def downgrade() -> None:
    op.drop_table('tool_models')
    op.drop_column('tool_results', 'wells_path')
    op.drop_column('jobs', 'share_done')
