"""Channels keep the names that users gave them, when they are recorded anew as files have changed."""

import sqlalchemy as sa
from alembic import op

revision = '0036'
down_revision = '0035'
branch_labels = None
depends_on = None

# what step metaconfig has called them: after the wavelength, and the cycle where there are several
RECORDED = """
UPDATE channels SET recorded_name = coalesce(
  CASE (SELECT plate_acquisition_mode FROM experiments WHERE experiments.id = experiment_id)
  WHEN 'multiplexing' THEN
    (SELECT cycles."index" FROM channel_image_files JOIN cycles ON cycles.id = cycle_id
     WHERE channel_id = channels.id LIMIT 1) || '_' || wavelength
  ELSE wavelength END,
  name)
"""


def upgrade() -> None:
    op.add_column(
        'experiments',
        sa.Column('channel_names', sa.JSON(), nullable=False, server_default=sa.text("'{}'")),
    )
    op.add_column(
        'channels',
        sa.Column('recorded_name', sa.String(255), nullable=False, server_default=''),
    )
    op.execute(RECORDED)


def downgrade() -> None:
    op.drop_column('channels', 'recorded_name')
    op.drop_column('experiments', 'channel_names')
