"""Results of tools, and the queue of the jobs that make them."""

import sqlalchemy as sa
from alembic import op

from tmlib.db.base import UtcDateTime

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('jobs', sa.Column('is_interactive', sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table('tool_results',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('submission_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('mapobject_type_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('tool_name', sa.String(length=50), nullable=False),
    sa.Column('type', sa.String(length=50), nullable=False),
    sa.Column('attributes', sa.JSON(), nullable=False),
    sa.Column('path', sa.String(length=255), nullable=False),
    sa.Column('n_labels', sa.Integer(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_tool_results_experiment_id_experiments'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['mapobject_type_id'], ['mapobject_types.id'], name=op.f('fk_tool_results_mapobject_type_id_mapobject_types'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['submission_id'], ['submissions.id'], name=op.f('fk_tool_results_submission_id_submissions'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tool_results')),
    sa.UniqueConstraint('mapobject_type_id', 'name', name=op.f('uq_tool_results_mapobject_type_id_name')),
    sa.UniqueConstraint('path', name=op.f('uq_tool_results_path')),
    sa.UniqueConstraint('submission_id', name=op.f('uq_tool_results_submission_id'))
    )
    op.create_index(op.f('ix_tool_results_experiment_id'), 'tool_results', ['experiment_id'], unique=False)
    op.create_table('plots',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('tool_result_id', sa.Integer(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('type', sa.String(length=50), nullable=False),
    sa.Column('attributes', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['tool_result_id'], ['tool_results.id'], name=op.f('fk_plots_tool_result_id_tool_results'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_plots')),
    sa.UniqueConstraint('tool_result_id', 'position', name=op.f('uq_plots_tool_result_id_position'))
    )


def downgrade() -> None:
    op.drop_table('plots')
    op.drop_table('tool_results')
    op.drop_column('jobs', 'is_interactive')
