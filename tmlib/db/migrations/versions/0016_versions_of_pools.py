"""For which revision of the tables pools of workers were made."""

import sqlalchemy as sa
from alembic import op

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('worker_pools', sa.Column('revision', sa.String(length=32), nullable=True))


def downgrade() -> None:
    op.drop_column('worker_pools', 'revision')
