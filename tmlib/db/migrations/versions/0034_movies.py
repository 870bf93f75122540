"""Movies of electron microscopes, with what was corrected and estimated from them."""

import sqlalchemy as sa
from alembic import op

from tmlib.db.base import UtcDateTime

revision = '0034'
down_revision = '0033'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('movies',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('acquisition_id', sa.Integer(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('details', sa.JSON(), nullable=False),
    sa.Column('motion_correction', sa.JSON(), nullable=True),
    sa.Column('ctf', sa.JSON(), nullable=True),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['acquisition_id'], ['acquisitions.id'], name=op.f('fk_movies_acquisition_id_acquisitions'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_movies')),
    sa.UniqueConstraint('acquisition_id', 'number', name=op.f('uq_movies_acquisition_id_number'))
    )


def downgrade() -> None:
    op.drop_table('movies')

