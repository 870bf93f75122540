"""How often a job was tried since it was handed in, and when it is tried again."""

import sqlalchemy as sa
from alembic import op

from tmlib.db.base import UtcDateTime

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('jobs', sa.Column('tries', sa.Integer(), server_default=sa.text('0'), nullable=False))
    op.add_column('jobs', sa.Column('not_before', UtcDateTime(), nullable=True))
    op.execute('UPDATE jobs SET tries = attempt')


def downgrade() -> None:
    op.drop_column('jobs', 'not_before')
    op.drop_column('jobs', 'tries')
