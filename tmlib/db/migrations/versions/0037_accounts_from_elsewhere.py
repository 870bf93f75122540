"""Users and groups tell which directory they come from."""

import sqlalchemy as sa
from alembic import op

revision = '0037'
down_revision = '0036'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('users', sa.Column('origin', sa.String(length=50), nullable=True))
    op.add_column('users', sa.Column('subject', sa.String(length=255), nullable=True))
    op.create_index('ix_users_origin_subject', 'users', ['origin', 'subject'], unique=True)
    op.add_column('groups', sa.Column('origin', sa.String(length=50), nullable=True))


def downgrade() -> None:
    op.drop_column('groups', 'origin')
    op.drop_index('ix_users_origin_subject', 'users')
    op.drop_column('users', 'subject')
    op.drop_column('users', 'origin')
