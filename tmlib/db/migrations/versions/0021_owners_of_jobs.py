"""Jobs that belong to anything, not to experiments alone, and parts that are known to come."""

import sqlalchemy as sa
from alembic import op

revision = '0021'
down_revision = '0020'
branch_labels = None
depends_on = None

_TABLES = ('submissions', 'jobs')
_OWNER_INDEXES = {'submissions': ('ix_submissions_owner', ['owner_kind', 'owner_id']), 'jobs': ('ix_jobs_owner_id', ['owner_kind', 'owner_id', 'id'])}
_EXPERIMENT_INDEXES = {'submissions': ('ix_submissions_experiment_id', ['experiment_id']), 'jobs': ('ix_jobs_experiment_id_id', ['experiment_id', 'id'])}
_OWNER_ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')

# steps that finish what needs all of their jobs, as they were when this was written
_N_PARTS = (
    "UPDATE tasks SET n_parts = CASE WHEN name IN ('metaconfig', 'imextract', 'illuminati', 'jterator') "
    "THEN 3 ELSE 2 END WHERE kind = 'step'"
)


def upgrade() -> None:
    for table in _TABLES:
        op.drop_index(_EXPERIMENT_INDEXES[table][0], table)
        with op.batch_alter_table(table) as batch:
            batch.add_column(sa.Column('owner_kind', sa.String(length=20), server_default='experiment', nullable=False))
            batch.drop_constraint(f'fk_{table}_experiment_id_experiments', type_='foreignkey')
            batch.alter_column('experiment_id', new_column_name='owner_id', existing_type=sa.Integer(), type_=_OWNER_ID, existing_nullable=False)
        with op.batch_alter_table(table) as batch:
            batch.alter_column('owner_kind', server_default=None, existing_type=sa.String(length=20), existing_nullable=False)
        op.create_index(_OWNER_INDEXES[table][0], table, _OWNER_INDEXES[table][1])
    op.add_column('tasks', sa.Column('is_parallel', sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column('tasks', sa.Column('n_parts', sa.Integer(), nullable=True))
    op.execute("UPDATE tasks SET is_parallel = true WHERE type = 'ParallelWorkflowStage'")
    op.execute(_N_PARTS)


def downgrade() -> None:
    op.drop_column('tasks', 'n_parts')
    op.drop_column('tasks', 'is_parallel')
    # SQLite heeds no foreign keys during migrations
    op.execute("DELETE FROM jobs WHERE owner_kind <> 'experiment'")
    op.execute("DELETE FROM tasks WHERE submission_id IN (SELECT id FROM submissions WHERE owner_kind <> 'experiment')")
    op.execute("DELETE FROM submissions WHERE owner_kind <> 'experiment'")
    for table in _TABLES:
        op.drop_index(_OWNER_INDEXES[table][0], table)
        with op.batch_alter_table(table) as batch:
            batch.drop_column('owner_kind')
            batch.alter_column('owner_id', new_column_name='experiment_id', existing_type=_OWNER_ID, type_=sa.Integer(), existing_nullable=False)
        with op.batch_alter_table(table) as batch:
            batch.create_foreign_key(f'fk_{table}_experiment_id_experiments', 'experiments', ['experiment_id'], ['id'], ondelete='CASCADE')
        op.create_index(_EXPERIMENT_INDEXES[table][0], table, _EXPERIMENT_INDEXES[table][1])
