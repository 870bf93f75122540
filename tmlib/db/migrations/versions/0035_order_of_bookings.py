"""Bookings of a proposal in the order in which that of an acquisition is looked for."""

from alembic import op

revision = '0035'
down_revision = '0034'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f('ix_bookings_proposal_id_starts_at_id'), 'bookings', ['proposal_id', 'starts_at', 'id'])
    op.drop_index(op.f('ix_bookings_proposal_id_starts_at'), table_name='bookings')


def downgrade() -> None:
    op.create_index(op.f('ix_bookings_proposal_id_starts_at'), 'bookings', ['proposal_id', 'starts_at'])
    op.drop_index(op.f('ix_bookings_proposal_id_starts_at_id'), table_name='bookings')
