"""Publications: experiments that become datasets of the catalogue."""

import sqlalchemy as sa
from alembic import op

from tmlib.db.base import UtcDateTime

revision = '0029'
down_revision = '0028'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('portal_last_numbers',
    sa.Column('name', sa.String(length=40), nullable=False),
    sa.Column('last', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_portal_last_numbers'))
    )
    op.create_table('portal_publications',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('submission_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('deposition_id', sa.Integer(), nullable=False),
    sa.Column('dataset_id', sa.Integer(), nullable=False),
    sa.Column('description', sa.JSON(), nullable=False),
    sa.Column('address', sa.Text(), nullable=False),
    sa.Column('state', sa.JSON(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('published_at', UtcDateTime(), nullable=True),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_portal_publications_experiment_id_experiments'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_portal_publications')),
    sa.UniqueConstraint('dataset_id', name=op.f('uq_portal_publications_dataset_id')),
    sa.UniqueConstraint('deposition_id', name=op.f('uq_portal_publications_deposition_id')),
    sa.UniqueConstraint('submission_id', name=op.f('uq_portal_publications_submission_id'))
    )
    op.create_index(op.f('ix_portal_publications_experiment_id'), 'portal_publications', ['experiment_id'], unique=False)
    op.create_table('portal_staged_parts',
    sa.Column('publication_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('content', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['publication_id'], ['portal_publications.id'], name=op.f('fk_portal_staged_parts_publication_id_portal_publications'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('publication_id', 'kind', 'number', name=op.f('pk_portal_staged_parts'))
    )


def downgrade() -> None:
    op.drop_table('portal_staged_parts')
    op.drop_table('portal_publications')
    op.drop_table('portal_last_numbers')
