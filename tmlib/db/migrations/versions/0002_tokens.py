"""Tokens, logins that were ended, and logins that failed."""

import sqlalchemy as sa
from alembic import op

from tmlib.db.base import UtcDateTime

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('personal_tokens',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('token_hash', sa.String(length=64), nullable=False),
    sa.Column('prefix', sa.String(length=20), nullable=False),
    sa.Column('write_access', sa.Boolean(), nullable=False),
    sa.Column('expires_at', UtcDateTime(), nullable=True),
    sa.Column('last_used_at', UtcDateTime(), nullable=True),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_personal_tokens_user_id_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_personal_tokens')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_personal_tokens_token_hash')),
    sa.UniqueConstraint('user_id', 'name', name=op.f('uq_personal_tokens_user_id_name'))
    )
    op.create_table('revoked_logins',
    sa.Column('login_id', sa.String(length=36), nullable=False),
    sa.Column('expires_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('login_id', name=op.f('pk_revoked_logins'))
    )
    op.create_index(op.f('ix_revoked_logins_expires_at'), 'revoked_logins', ['expires_at'], unique=False)
    op.create_table('failed_logins',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('address', sa.String(length=45), nullable=False),
    sa.Column('failed_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_failed_logins'))
    )
    op.create_index(op.f('ix_failed_logins_failed_at'), 'failed_logins', ['failed_at'], unique=False)
    op.create_index(op.f('ix_failed_logins_name_failed_at'), 'failed_logins', ['name', 'failed_at'], unique=False)
    op.create_index(op.f('ix_failed_logins_address_failed_at'), 'failed_logins', ['address', 'failed_at'], unique=False)


def downgrade() -> None:
    op.drop_table('failed_logins')
    op.drop_table('revoked_logins')
    op.drop_table('personal_tokens')
