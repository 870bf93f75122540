"""Pools of workers, hosts that are drained, and what phases have used."""

import sqlalchemy as sa
from alembic import op

from tmlib.db.base import BigId, UtcDateTime

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'worker_pools',
        sa.Column('id', BigId, nullable=False),
        sa.Column('host', sa.String(length=255), nullable=False),
        sa.Column('pid', sa.Integer(), nullable=False),
        sa.Column('queue', sa.String(length=50), nullable=False),
        sa.Column('processes', sa.Integer(), nullable=False),
        sa.Column('is_draining', sa.Boolean(), nullable=False),
        sa.Column('started_at', UtcDateTime(), nullable=False),
        sa.Column('seen_at', UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_worker_pools')),
        sa.UniqueConstraint('host', 'pid', name=op.f('uq_worker_pools_host_pid')),
    )
    op.create_table(
        'drained_hosts',
        sa.Column('host', sa.String(length=255), nullable=False),
        sa.Column('ends_workers', sa.Boolean(), nullable=False),
        sa.Column('ordered_at', UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint('host', name=op.f('pk_drained_hosts')),
    )
    op.add_column('tasks', sa.Column('cpu_time', sa.Double(), server_default=sa.text('0'), nullable=False))
    op.add_column('tasks', sa.Column('memory', sa.BigInteger(), nullable=True))
    op.execute(
        """
        UPDATE tasks SET
            cpu_time = coalesce(used.cpu_time, 0),
            memory = used.memory
        FROM (
            SELECT task_id, sum(cpu_time) AS cpu_time, max(memory) AS memory FROM jobs GROUP BY task_id
        ) AS used
        WHERE used.task_id = tasks.id
        """
    )
    op.create_index('ix_tasks_state', 'tasks', ['state'])
    op.drop_index('ix_jobs_state_lease_expires_at', 'jobs')
    op.create_index('ix_jobs_state_task_id_index', 'jobs', ['state', 'task_id', 'index'])
    op.drop_index(op.f('ix_jobs_experiment_id'), 'jobs')
    op.create_index('ix_jobs_experiment_id_id', 'jobs', ['experiment_id', 'id'])
    failed = sa.text('exitcode <> 0')
    op.create_index(
        'ix_jobs_failed', 'jobs', ['task_id', 'id'], postgresql_where=failed, sqlite_where=failed
    )


def downgrade() -> None:
    op.drop_index('ix_jobs_failed', 'jobs')
    op.drop_index('ix_jobs_experiment_id_id', 'jobs')
    op.create_index(op.f('ix_jobs_experiment_id'), 'jobs', ['experiment_id'])
    op.drop_index('ix_jobs_state_task_id_index', 'jobs')
    op.create_index('ix_jobs_state_lease_expires_at', 'jobs', ['state', 'lease_expires_at'])
    op.drop_index('ix_tasks_state', 'tasks')
    op.drop_column('tasks', 'memory')
    op.drop_column('tasks', 'cpu_time')
    op.drop_table('drained_hosts')
    op.drop_table('worker_pools')
