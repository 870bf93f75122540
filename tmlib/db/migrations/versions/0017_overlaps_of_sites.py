"""How far neighbouring sites lie from each other, as the overlap of their images shows."""

import sqlalchemy as sa
from alembic import op

revision = '0017'
down_revision = '0016'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('site_overlaps',
    sa.Column('site_id', sa.Integer(), nullable=False),
    sa.Column('neighbour_id', sa.Integer(), nullable=False),
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('y', sa.Double(), nullable=False),
    sa.Column('x', sa.Double(), nullable=False),
    sa.Column('quality', sa.Double(), nullable=False),
    sa.Column('is_reliable', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_site_overlaps_experiment_id_experiments'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['neighbour_id'], ['sites.id'], name=op.f('fk_site_overlaps_neighbour_id_sites'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_site_overlaps_site_id_sites'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('site_id', 'neighbour_id', name=op.f('pk_site_overlaps'))
    )
    op.create_index(op.f('ix_site_overlaps_experiment_id'), 'site_overlaps', ['experiment_id'], unique=False)
    op.create_index(op.f('ix_site_overlaps_neighbour_id'), 'site_overlaps', ['neighbour_id'], unique=False)


def downgrade() -> None:
    op.drop_table('site_overlaps')
