"""Groups of users, with whom experiments are shared; audit entries tell of any kind of resource."""

import sqlalchemy as sa
from alembic import op

from tmlib.db.base import UtcDateTime

revision = '0020'
down_revision = '0019'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('groups',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_groups')),
    sa.UniqueConstraint('name', name=op.f('uq_groups_name')),
    sqlite_autoincrement=True
    )
    op.create_table('group_members',
    sa.Column('group_id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('is_owner', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['group_id'], ['groups.id'], name=op.f('fk_group_members_group_id_groups'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_group_members_user_id_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('group_id', 'user_id', name=op.f('pk_group_members'))
    )
    op.create_index(op.f('ix_group_members_user_id'), 'group_members', ['user_id'])
    op.create_table('experiment_group_shares',
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('group_id', sa.Integer(), nullable=False),
    sa.Column('write_access', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_experiment_group_shares_experiment_id_experiments'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['group_id'], ['groups.id'], name=op.f('fk_experiment_group_shares_group_id_groups'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('experiment_id', 'group_id', name=op.f('pk_experiment_group_shares'))
    )
    op.create_index(op.f('ix_experiment_group_shares_group_id'), 'experiment_group_shares', ['group_id'])
    for column in ('experiment_id', 'experiment_name'):
        op.drop_index(op.f(f'ix_audit_events_{column}_id'), 'audit_events')
    op.add_column('audit_events', sa.Column('resource_kind', sa.String(length=50), nullable=True))
    # not through a batch: SQLite renames columns where they are, however many entries there are
    op.execute('ALTER TABLE audit_events RENAME COLUMN experiment_id TO resource_id')
    op.execute('ALTER TABLE audit_events RENAME COLUMN experiment_name TO resource_name')
    op.execute("UPDATE audit_events SET resource_kind = 'experiment' WHERE resource_id IS NOT NULL")
    for column in ('resource_id', 'resource_name'):
        name = op.f(f'ix_audit_events_resource_kind_{column}_id')
        op.create_index(name, 'audit_events', ['resource_kind', column, 'id'])


def downgrade() -> None:
    for column in ('resource_id', 'resource_name'):
        op.drop_index(op.f(f'ix_audit_events_resource_kind_{column}_id'), 'audit_events')
    op.execute(
        "UPDATE audit_events SET resource_id = NULL, resource_name = NULL "
        "WHERE resource_kind <> 'experiment'"
    )
    op.execute('ALTER TABLE audit_events RENAME COLUMN resource_id TO experiment_id')
    op.execute('ALTER TABLE audit_events RENAME COLUMN resource_name TO experiment_name')
    op.drop_column('audit_events', 'resource_kind')
    for column in ('experiment_id', 'experiment_name'):
        op.create_index(op.f(f'ix_audit_events_{column}_id'), 'audit_events', [column, 'id'])
    for table in ('experiment_group_shares', 'group_members', 'groups'):
        op.drop_table(table)
