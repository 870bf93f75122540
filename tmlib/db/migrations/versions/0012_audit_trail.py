"""The audit trail."""

import sqlalchemy as sa
from alembic import op

from tmlib.db.base import BigId, UtcDateTime

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('audit_events',
    sa.Column('id', BigId, nullable=False),
    sa.Column('at', UtcDateTime(), nullable=False),
    sa.Column('action', sa.String(length=255), nullable=False),
    sa.Column('status', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=True),
    sa.Column('user_name', sa.String(length=255), nullable=False),
    sa.Column('experiment_id', sa.Integer(), nullable=True),
    sa.Column('experiment_name', sa.String(length=255), nullable=True),
    sa.Column('details', sa.JSON(), nullable=False),
    sa.Column('address', sa.String(length=255), nullable=True),
    sa.Column('request_id', sa.String(length=64), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_events')),
    sqlite_autoincrement=True
    )
    op.create_index(op.f('ix_audit_events_at'), 'audit_events', ['at'])
    for column in ('user_name', 'experiment_id', 'experiment_name', 'action'):
        op.create_index(op.f(f'ix_audit_events_{column}_id'), 'audit_events', [column, 'id'])


def downgrade() -> None:
    op.drop_table('audit_events')
