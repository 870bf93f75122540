"""Files of the public catalogue."""

import sqlalchemy as sa
from alembic import op

from tmlib.db.base import UtcDateTime

revision = '0025'
down_revision = '0024'
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation='C'), 'postgresql')


def upgrade() -> None:
    op.create_table('portal_files',
    sa.Column('bucket', TEXT, nullable=False),
    sa.Column('key', TEXT, nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('modified_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('bucket', 'key', name=op.f('pk_portal_files'))
    )


def downgrade() -> None:
    op.drop_table('portal_files')
