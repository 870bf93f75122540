"""Where the stage put sites, and where they lie on the map; old ones stay in their regular grid."""

import sqlalchemy as sa
from alembic import op

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('sites', sa.Column('stage_y', sa.Double(), nullable=True))
    op.add_column('sites', sa.Column('stage_x', sa.Double(), nullable=True))
    op.add_column('sites', sa.Column('offset_y', sa.Integer(), nullable=True))
    op.add_column('sites', sa.Column('offset_x', sa.Integer(), nullable=True))


def downgrade() -> None:
    for name in ('offset_x', 'offset_y', 'stage_x', 'stage_y'):
        op.drop_column('sites', name)
