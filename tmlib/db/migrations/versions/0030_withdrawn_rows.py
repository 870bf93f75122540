"""Datasets and runs that were taken out of the public catalogue, with their depositions."""

import sqlalchemy as sa
from alembic import op

revision = '0030'
down_revision = '0029'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('portal_withdrawn_rows',
    sa.Column('entity', sa.String(length=50), nullable=False),
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('deposition_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['deposition_id'], ['portal_withdrawn_depositions.id'], name=op.f('fk_portal_withdrawn_rows_deposition_id_portal_withdrawn_depositions')),
    sa.PrimaryKeyConstraint('entity', 'id', name=op.f('pk_portal_withdrawn_rows'))
    )


def downgrade() -> None:
    op.drop_table('portal_withdrawn_rows')
