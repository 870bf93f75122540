"""Shipments: lab contacts, what is sent, and the dewars and containers in it."""

import sqlalchemy as sa
from alembic import op

from tmlib.db.base import UtcDateTime

revision = '0031'
down_revision = '0030'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('lab_contacts',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('proposal_id', sa.Integer(), nullable=False),
    sa.Column('card_name', sa.String(length=255), nullable=False),
    sa.Column('given_name', sa.String(length=255), nullable=True),
    sa.Column('family_name', sa.String(length=255), nullable=True),
    sa.Column('email_address', sa.String(length=255), nullable=True),
    sa.Column('phone_number', sa.String(length=45), nullable=True),
    sa.Column('default_courrier_company', sa.String(length=255), nullable=True),
    sa.Column('courier_account', sa.String(length=255), nullable=True),
    sa.Column('billing_reference', sa.String(length=255), nullable=True),
    sa.Column('dewar_avg_customs_value', sa.Integer(), nullable=True),
    sa.Column('dewar_avg_transport_value', sa.Integer(), nullable=True),
    sa.Column('user_id', sa.Integer(), nullable=True),
    sa.Column('laboratory_id', sa.Integer(), nullable=True),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['laboratory_id'], ['laboratories.id'], name=op.f('fk_lab_contacts_laboratory_id_laboratories'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['proposal_id'], ['proposals.id'], name=op.f('fk_lab_contacts_proposal_id_proposals'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_lab_contacts_user_id_users'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lab_contacts'))
    )
    op.create_index(op.f('ix_lab_contacts_laboratory_id'), 'lab_contacts', ['laboratory_id'], unique=False)
    op.create_index(op.f('ix_lab_contacts_proposal_id'), 'lab_contacts', ['proposal_id'], unique=False)
    op.create_index(op.f('ix_lab_contacts_user_id'), 'lab_contacts', ['user_id'], unique=False)
    op.create_table('shippings',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('proposal_id', sa.Integer(), nullable=False),
    sa.Column('shipping_name', sa.String(length=255), nullable=False),
    sa.Column('safety_level', sa.String(length=45), nullable=True),
    sa.Column('comments', sa.Text(), nullable=True),
    sa.Column('sending_lab_contact_id', sa.Integer(), nullable=True),
    sa.Column('return_lab_contact_id', sa.Integer(), nullable=True),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['proposal_id'], ['proposals.id'], name=op.f('fk_shippings_proposal_id_proposals'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['return_lab_contact_id'], ['lab_contacts.id'], name=op.f('fk_shippings_return_lab_contact_id_lab_contacts'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['sending_lab_contact_id'], ['lab_contacts.id'], name=op.f('fk_shippings_sending_lab_contact_id_lab_contacts'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_shippings'))
    )
    op.create_index(op.f('ix_shippings_proposal_id'), 'shippings', ['proposal_id'], unique=False)
    op.create_index(op.f('ix_shippings_return_lab_contact_id'), 'shippings', ['return_lab_contact_id'], unique=False)
    op.create_index(op.f('ix_shippings_sending_lab_contact_id'), 'shippings', ['sending_lab_contact_id'], unique=False)
    op.create_table('dewars',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('shipping_id', sa.Integer(), nullable=False),
    sa.Column('code', sa.String(length=255), nullable=False),
    sa.Column('dewar_type', sa.String(length=45), nullable=True),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['shipping_id'], ['shippings.id'], name=op.f('fk_dewars_shipping_id_shippings'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_dewars'))
    )
    op.create_index(op.f('ix_dewars_shipping_id'), 'dewars', ['shipping_id'], unique=False)
    op.create_table('containers',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('dewar_id', sa.Integer(), nullable=False),
    sa.Column('code', sa.String(length=255), nullable=False),
    sa.Column('container_type', sa.String(length=45), nullable=True),
    sa.Column('sample_changer_location', sa.String(length=45), nullable=True),
    sa.Column('beamline_location', sa.String(length=255), nullable=True),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['dewar_id'], ['dewars.id'], name=op.f('fk_containers_dewar_id_dewars'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_containers'))
    )
    op.create_index(op.f('ix_containers_beamline_location'), 'containers', ['beamline_location'], unique=False)
    op.create_index(op.f('ix_containers_code'), 'containers', ['code'], unique=False)
    op.create_index(op.f('ix_containers_dewar_id'), 'containers', ['dewar_id'], unique=False)


def downgrade() -> None:
    op.drop_index(op.f('ix_containers_dewar_id'), table_name='containers')
    op.drop_index(op.f('ix_containers_code'), table_name='containers')
    op.drop_index(op.f('ix_containers_beamline_location'), table_name='containers')
    op.drop_table('containers')
    op.drop_index(op.f('ix_dewars_shipping_id'), table_name='dewars')
    op.drop_table('dewars')
    op.drop_index(op.f('ix_shippings_sending_lab_contact_id'), table_name='shippings')
    op.drop_index(op.f('ix_shippings_return_lab_contact_id'), table_name='shippings')
    op.drop_index(op.f('ix_shippings_proposal_id'), table_name='shippings')
    op.drop_table('shippings')
    op.drop_index(op.f('ix_lab_contacts_user_id'), table_name='lab_contacts')
    op.drop_index(op.f('ix_lab_contacts_proposal_id'), table_name='lab_contacts')
    op.drop_index(op.f('ix_lab_contacts_laboratory_id'), table_name='lab_contacts')
    op.drop_table('lab_contacts')

