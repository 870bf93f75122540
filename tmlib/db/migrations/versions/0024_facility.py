"""The facility: people, proposals, instruments and their bookings, and who may do what."""

import sqlalchemy as sa
from alembic import op

from tmlib.db.base import UtcDateTime

revision = '0024'
down_revision = '0023'
branch_labels = None
depends_on = None

_PERMISSIONS = {
    'all_proposals': 'See all proposals',
    'manage_groups': 'Manage groups of users',
    'manage_options': 'Manage options',
    'manage_perms': 'Manage permissions',
    'manage_persons': 'List all people',
    'uportal_sync': 'Synchronise with a user portal',
    'view_activity': 'See who did what',
}


def upgrade() -> None:
    op.create_table('facility_options',
    sa.Column('name', sa.String(length=32), nullable=False),
    sa.Column('value', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_facility_options'))
    )
    op.create_table('instrument_groups',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('ui_group', sa.String(length=255), nullable=False),
    sa.Column('permission', sa.String(length=15), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_instrument_groups')),
    sa.UniqueConstraint('name', name=op.f('uq_instrument_groups_name'))
    )
    op.create_index(op.f('ix_instrument_groups_permission'), 'instrument_groups', ['permission'])
    op.create_table('instruments',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_instruments')),
    sa.UniqueConstraint('name', name=op.f('uq_instruments_name'))
    )
    op.create_table('laboratories',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('address', sa.String(length=255), nullable=True),
    sa.Column('city', sa.String(length=255), nullable=True),
    sa.Column('country', sa.String(length=255), nullable=True),
    sa.Column('url', sa.String(length=255), nullable=True),
    sa.Column('external_id', sa.Integer(), nullable=True),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_laboratories')),
    sa.UniqueConstraint('external_id', name=op.f('uq_laboratories_external_id'))
    )
    op.create_index(op.f('ix_laboratories_name_city_country'), 'laboratories', ['name', 'city', 'country'])
    op.create_table('permissions',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('type', sa.String(length=15), nullable=False),
    sa.Column('description', sa.String(length=100), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_permissions')),
    sa.UniqueConstraint('type', name=op.f('uq_permissions_type'))
    )
    op.create_table('group_permissions',
    sa.Column('group_id', sa.Integer(), nullable=False),
    sa.Column('permission_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['group_id'], ['groups.id'], name=op.f('fk_group_permissions_group_id_groups'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['permission_id'], ['permissions.id'], name=op.f('fk_group_permissions_permission_id_permissions'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('group_id', 'permission_id', name=op.f('pk_group_permissions'))
    )
    op.create_index(op.f('ix_group_permissions_permission_id'), 'group_permissions', ['permission_id'])
    op.create_table('instrument_group_members',
    sa.Column('group_id', sa.Integer(), nullable=False),
    sa.Column('instrument_id', sa.Integer(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('loader_type', sa.String(length=255), nullable=True),
    sa.Column('loader_capacity', sa.Integer(), nullable=True),
    sa.Column('archived', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['group_id'], ['instrument_groups.id'], name=op.f('fk_instrument_group_members_group_id_instrument_groups'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['instrument_id'], ['instruments.id'], name=op.f('fk_instrument_group_members_instrument_id_instruments'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('group_id', 'instrument_id', name=op.f('pk_instrument_group_members'))
    )
    op.create_index(op.f('ix_instrument_group_members_instrument_id'), 'instrument_group_members', ['instrument_id'])
    op.create_table('one_time_tokens',
    sa.Column('token_hash', sa.String(length=64), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('path', sa.Text(), nullable=False),
    sa.Column('expires_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_one_time_tokens_user_id_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_one_time_tokens'))
    )
    op.create_index(op.f('ix_one_time_tokens_expires_at'), 'one_time_tokens', ['expires_at'])
    op.create_index(op.f('ix_one_time_tokens_user_id'), 'one_time_tokens', ['user_id'])
    op.create_table('person_profiles',
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('given_name', sa.String(length=255), nullable=True),
    sa.Column('family_name', sa.String(length=255), nullable=True),
    sa.Column('title', sa.String(length=45), nullable=True),
    sa.Column('phone_number', sa.String(length=45), nullable=True),
    sa.Column('laboratory_id', sa.Integer(), nullable=True),
    sa.Column('external_id', sa.String(length=39), nullable=True),
    sa.ForeignKeyConstraint(['laboratory_id'], ['laboratories.id'], name=op.f('fk_person_profiles_laboratory_id_laboratories'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_person_profiles_user_id_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('user_id', name=op.f('pk_person_profiles')),
    sa.UniqueConstraint('external_id', name=op.f('uq_person_profiles_external_id'))
    )
    op.create_index(op.f('ix_person_profiles_laboratory_id'), 'person_profiles', ['laboratory_id'])
    op.create_table('proposals',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=90), nullable=False),
    sa.Column('code', sa.String(length=45), nullable=False),
    sa.Column('number', sa.String(length=45), nullable=False),
    sa.Column('type', sa.String(length=45), nullable=True),
    sa.Column('title', sa.String(length=200), nullable=True),
    sa.Column('state', sa.String(length=20), nullable=True),
    sa.Column('user_id', sa.Integer(), nullable=True),
    sa.Column('external_id', sa.String(length=39), nullable=True),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_proposals_user_id_users'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_proposals')),
    sa.UniqueConstraint('external_id', name=op.f('uq_proposals_external_id')),
    sa.UniqueConstraint('name', name=op.f('uq_proposals_name'))
    )
    op.create_index(op.f('ix_proposals_user_id'), 'proposals', ['user_id'])
    op.create_table('bookings',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('proposal_id', sa.Integer(), nullable=False),
    sa.Column('instrument_id', sa.Integer(), nullable=False),
    sa.Column('visit_number', sa.Integer(), nullable=True),
    sa.Column('starts_at', UtcDateTime(), nullable=True),
    sa.Column('ends_at', UtcDateTime(), nullable=True),
    sa.Column('title', sa.String(length=255), nullable=True),
    sa.Column('operator', sa.String(length=45), nullable=True),
    sa.Column('scheduled', sa.Boolean(), nullable=True),
    sa.Column('comments', sa.Text(), nullable=True),
    sa.Column('n_shifts', sa.Integer(), nullable=True),
    sa.Column('n_reimbursed_dewars', sa.Integer(), nullable=True),
    sa.Column('setup', sa.JSON(), nullable=True),
    sa.Column('external_id', sa.String(length=39), nullable=True),
    sa.Column('schedule_id', sa.Integer(), nullable=True),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['instrument_id'], ['instruments.id'], name=op.f('fk_bookings_instrument_id_instruments')),
    sa.ForeignKeyConstraint(['proposal_id'], ['proposals.id'], name=op.f('fk_bookings_proposal_id_proposals'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_bookings')),
    sa.UniqueConstraint('proposal_id', 'external_id', name=op.f('uq_bookings_proposal_id_external_id')),
    sa.UniqueConstraint('proposal_id', 'schedule_id', name=op.f('uq_bookings_proposal_id_schedule_id'))
    )
    op.create_index(op.f('ix_bookings_ends_at'), 'bookings', ['ends_at'])
    op.create_index(op.f('ix_bookings_instrument_id_starts_at'), 'bookings', ['instrument_id', 'starts_at'])
    op.create_index(op.f('ix_bookings_proposal_id_starts_at'), 'bookings', ['proposal_id', 'starts_at'])
    op.create_index(op.f('ix_bookings_starts_at'), 'bookings', ['starts_at'])
    op.create_table('proposal_experiments',
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('proposal_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_proposal_experiments_experiment_id_experiments'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['proposal_id'], ['proposals.id'], name=op.f('fk_proposal_experiments_proposal_id_proposals'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('experiment_id', name=op.f('pk_proposal_experiments'))
    )
    op.create_index(op.f('ix_proposal_experiments_proposal_id'), 'proposal_experiments', ['proposal_id'])
    op.create_table('proposal_members',
    sa.Column('proposal_id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['proposal_id'], ['proposals.id'], name=op.f('fk_proposal_members_proposal_id_proposals'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_proposal_members_user_id_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('proposal_id', 'user_id', name=op.f('pk_proposal_members'))
    )
    op.create_index(op.f('ix_proposal_members_user_id'), 'proposal_members', ['user_id'])
    op.create_table('booking_people',
    sa.Column('booking_id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('role', sa.String(length=45), nullable=True),
    sa.Column('remote', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['booking_id'], ['bookings.id'], name=op.f('fk_booking_people_booking_id_bookings'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_booking_people_user_id_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('booking_id', 'user_id', name=op.f('pk_booking_people'))
    )
    op.create_index(op.f('ix_booking_people_user_id'), 'booking_people', ['user_id'])
    op.create_table('booking_types',
    sa.Column('booking_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=31), nullable=False),
    sa.ForeignKeyConstraint(['booking_id'], ['bookings.id'], name=op.f('fk_booking_types_booking_id_bookings'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('booking_id', 'name', name=op.f('pk_booking_types'))
    )
    permissions = sa.table('permissions', sa.column('type'), sa.column('description'))
    op.bulk_insert(permissions, [{'type': type_, 'description': text} for type_, text in _PERMISSIONS.items()])


def downgrade() -> None:
    for table in (
        'booking_types',
        'booking_people',
        'proposal_members',
        'proposal_experiments',
        'bookings',
        'proposals',
        'person_profiles',
        'one_time_tokens',
        'instrument_group_members',
        'group_permissions',
        'permissions',
        'laboratories',
        'instruments',
        'instrument_groups',
        'facility_options',
    ):
        op.drop_table(table)
