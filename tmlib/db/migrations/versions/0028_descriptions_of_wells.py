"""Plates keep what users have said of wells, which are recorded anew when files have changed."""

import sqlalchemy as sa
from alembic import op

revision = '0028'
down_revision = '0027'
branch_labels = None
depends_on = None

def upgrade() -> None:
    op.add_column(
        'plates',
        sa.Column('well_descriptions', sa.JSON(), nullable=False, server_default=sa.text("'{}'")),
    )


def downgrade() -> None:
    op.drop_column('plates', 'well_descriptions')
