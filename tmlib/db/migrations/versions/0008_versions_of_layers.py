"""Versions of segmentation layers, which change with their objects."""

import sqlalchemy as sa
from alembic import op

from tmlib.db.base import BigId

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'segmentation_changes',
        sa.Column('id', BigId, nullable=False),
        sa.Column('segmentation_layer_id', sa.Integer(), nullable=False),
        sa.Column('stamp', sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(['segmentation_layer_id'], ['segmentation_layers.id'], name='fk_segmentation_changes_layer', ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_segmentation_changes')),
    )
    op.create_index(op.f('ix_segmentation_changes_segmentation_layer_id'), 'segmentation_changes', ['segmentation_layer_id'])


def downgrade() -> None:
    op.drop_index(op.f('ix_segmentation_changes_segmentation_layer_id'), table_name='segmentation_changes')
    op.drop_table('segmentation_changes')
