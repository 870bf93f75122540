"""Specimens of proposals; each experiment that is in one has a specimen."""

import sqlalchemy as sa
from alembic import op

from tmlib.db.base import UtcDateTime

revision = '0032'
down_revision = '0031'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('specimens',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('proposal_id', sa.Integer(), nullable=False),
    sa.Column('acronym', sa.String(length=255), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('sequence', sa.Text(), nullable=True),
    sa.Column('density', sa.Double(), nullable=True),
    sa.Column('molecular_mass', sa.Double(), nullable=True),
    sa.Column('containment_level', sa.String(length=45), nullable=True),
    sa.Column('hazard_group', sa.String(length=45), nullable=True),
    sa.Column('safety_level', sa.String(length=45), nullable=True),
    sa.Column('component_type_id', sa.Integer(), nullable=True),
    sa.Column('component_type', sa.String(length=45), nullable=True),
    sa.Column('external_id', sa.String(length=39), nullable=True),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['proposal_id'], ['proposals.id'], name=op.f('fk_specimens_proposal_id_proposals'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_specimens'))
    )
    op.create_index(op.f('ix_specimens_external_id'), 'specimens', ['external_id'], unique=False)
    op.create_index(op.f('ix_specimens_proposal_id_acronym'), 'specimens', ['proposal_id', 'acronym'], unique=False)
    op.execute(
        "INSERT INTO specimens (proposal_id, acronym, name, created_at, updated_at) "
        "SELECT proposal_id, experiments.name, experiments.name, min(created_at), min(created_at) "
        "FROM proposal_experiments JOIN experiments ON experiments.id = experiment_id "
        "GROUP BY proposal_id, experiments.name"
    )
    with op.batch_alter_table('proposal_experiments') as batch:
        batch.add_column(sa.Column('specimen_id', sa.Integer(), nullable=True))
        batch.create_index(op.f('ix_proposal_experiments_specimen_id'), ['specimen_id'], unique=False)
        batch.create_foreign_key(op.f('fk_proposal_experiments_specimen_id_specimens'), 'specimens', ['specimen_id'], ['id'], ondelete='SET NULL')
    op.execute(
        "UPDATE proposal_experiments SET specimen_id = ("
        "SELECT min(specimens.id) FROM specimens JOIN experiments ON experiments.name = acronym "
        "WHERE experiments.id = experiment_id "
        "AND specimens.proposal_id = proposal_experiments.proposal_id)"
    )


def downgrade() -> None:
    with op.batch_alter_table('proposal_experiments') as batch:
        batch.drop_constraint(op.f('fk_proposal_experiments_specimen_id_specimens'), type_='foreignkey')
        batch.drop_index(op.f('ix_proposal_experiments_specimen_id'))
        batch.drop_column('specimen_id')
    op.drop_index(op.f('ix_specimens_proposal_id_acronym'), table_name='specimens')
    op.drop_index(op.f('ix_specimens_external_id'), table_name='specimens')
    op.drop_table('specimens')

