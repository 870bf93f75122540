"""What the work of steps was made from, and which jobs were skipped because it still stands."""

import sqlalchemy as sa
from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('submissions', sa.Column('force', sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column('tasks', sa.Column('n_skipped', sa.Integer(), server_default=sa.text('0'), nullable=False))
    op.add_column('jobs', sa.Column('skipped', sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column('jobs', sa.Column('reason', sa.String(length=255), nullable=True))
    op.create_table(
        'fingerprints',
        sa.Column('experiment_id', sa.Integer(), nullable=False),
        sa.Column('step_name', sa.String(length=50), nullable=False),
        sa.Column('key', sa.String(length=32), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('arguments', sa.JSON(), nullable=False),
        sa.Column('inputs', sa.JSON(), nullable=False),
        sa.Column('output', sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ['experiment_id'],
            ['experiments.id'],
            name=op.f('fk_fingerprints_experiment_id_experiments'),
            ondelete='CASCADE',
        ),
        sa.PrimaryKeyConstraint('experiment_id', 'step_name', 'key', name=op.f('pk_fingerprints')),
    )


def downgrade() -> None:
    op.drop_table('fingerprints')
    op.drop_column('jobs', 'reason')
    op.drop_column('jobs', 'skipped')
    op.drop_column('tasks', 'n_skipped')
    op.drop_column('submissions', 'force')
