"""Sites where objects were looked for and none were found."""

import sqlalchemy as sa
from alembic import op

revision = '0018'
down_revision = '0017'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('empty_sites',
    sa.Column('mapobject_type_id', sa.Integer(), nullable=False),
    sa.Column('site_id', sa.Integer(), nullable=False),
    sa.Column('tpoint', sa.Integer(), nullable=False),
    sa.Column('zplane', sa.Integer(), nullable=False),
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['mapobject_type_id'], ['mapobject_types.id'], name=op.f('fk_empty_sites_mapobject_type_id_mapobject_types'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_empty_sites_site_id_sites'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_empty_sites_experiment_id_experiments'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('mapobject_type_id', 'site_id', 'tpoint', 'zplane', name=op.f('pk_empty_sites'))
    )
    op.create_index(op.f('ix_empty_sites_site_id'), 'empty_sites', ['site_id'])
    op.create_index(op.f('ix_empty_sites_experiment_id'), 'empty_sites', ['experiment_id'])
    # of larger files nobody knows any more which sites they are about
    op.execute(
        "INSERT INTO empty_sites (mapobject_type_id, site_id, tpoint, zplane, experiment_id) "
        "SELECT mapobject_type_id, site_id, tpoint, zplane, experiment_id FROM feature_value_files "
        "WHERE site_id IS NOT NULL AND n_rows = 0"
    )


def downgrade() -> None:
    op.drop_table('empty_sites')
