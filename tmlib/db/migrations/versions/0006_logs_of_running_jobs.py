"""Where in what a job has printed its log begins, so that readers can go on where they were."""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ('stdout_start', 'stderr_start'):
        op.add_column('jobs', sa.Column(name, sa.BigInteger(), server_default=sa.text('0'), nullable=False))


def downgrade() -> None:
    for name in ('stderr_start', 'stdout_start'):
        op.drop_column('jobs', name)
