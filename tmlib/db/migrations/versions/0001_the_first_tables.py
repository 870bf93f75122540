"""The first tables."""

import sqlalchemy as sa
from alembic import op

from tmlib.db.base import UtcDateTime
from tmlib.db.spatial import RTREE, SQLITE_DDL, Geometry

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None

_TABLES = ('id_counters', 'users', 'experiments', 'channels', 'cycles', 'experiment_shares', 'mapobject_types', 'plates', 'submissions', 'workflow_settings', 'acquisitions', 'channel_layers', 'features', 'illumstats_files', 'mapobjects', 'segmentation_layers', 'tasks', 'wells', 'jobs', 'mapobject_segmentations', 'microscope_files', 'sites', 'site_shifts', 'channel_image_files', 'feature_value_files',)


def upgrade() -> None:
    is_postgresql = op.get_bind().dialect.name == 'postgresql'
    if is_postgresql:
        op.execute('CREATE EXTENSION IF NOT EXISTS postgis')
    op.create_table('id_counters',
    sa.Column('name', sa.String(length=50), nullable=False),
    sa.Column('next_value', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_id_counters'))
    )
    op.create_table('users',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('email', sa.String(length=320), nullable=False),
    sa.Column('password_hash', sa.String(length=255), nullable=False),
    sa.Column('is_admin', sa.Boolean(), nullable=False),
    sa.Column('is_active', sa.Boolean(), nullable=False),
    sa.Column('login_generation', sa.Integer(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_users')),
    sa.UniqueConstraint('email', name=op.f('uq_users_email')),
    sa.UniqueConstraint('name', name=op.f('uq_users_name'))
    )
    op.create_table('experiments',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('microscope_type', sa.String(length=50), nullable=False),
    sa.Column('workflow_type', sa.String(length=50), nullable=False),
    sa.Column('plate_format', sa.Integer(), nullable=False),
    sa.Column('plate_acquisition_mode', sa.String(length=50), nullable=False),
    sa.Column('well_spacer_size', sa.Integer(), nullable=False),
    sa.Column('pixel_size', sa.Double(), nullable=True),
    sa.Column('vertical_site_displacement', sa.Integer(), nullable=False),
    sa.Column('horizontal_site_displacement', sa.Integer(), nullable=False),
    sa.Column('map_height', sa.Integer(), nullable=True),
    sa.Column('map_width', sa.Integer(), nullable=True),
    sa.Column('map_levels', sa.Integer(), nullable=True),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_experiments_user_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_experiments')),
    sa.UniqueConstraint('user_id', 'name', name=op.f('uq_experiments_user_id_name')),
    sqlite_autoincrement=True
    )
    op.create_index(op.f('ix_experiments_user_id'), 'experiments', ['user_id'], unique=False)
    op.create_table('channels',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('wavelength', sa.String(length=255), nullable=False),
    sa.Column('bit_depth', sa.Integer(), nullable=False),
    sa.Column('index', sa.Integer(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_channels_experiment_id_experiments'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_channels')),
    sa.UniqueConstraint('experiment_id', 'name', name=op.f('uq_channels_experiment_id_name')),
    sqlite_autoincrement=True
    )
    op.create_index(op.f('ix_channels_experiment_id'), 'channels', ['experiment_id'], unique=False)
    op.create_table('cycles',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('index', sa.Integer(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_cycles_experiment_id_experiments'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_cycles')),
    sa.UniqueConstraint('experiment_id', 'index', name=op.f('uq_cycles_experiment_id_index'))
    )
    op.create_index(op.f('ix_cycles_experiment_id'), 'cycles', ['experiment_id'], unique=False)
    op.create_table('experiment_shares',
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('write_access', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_experiment_shares_experiment_id_experiments'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_experiment_shares_user_id_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('experiment_id', 'user_id', name=op.f('pk_experiment_shares'))
    )
    op.create_index(op.f('ix_experiment_shares_user_id'), 'experiment_shares', ['user_id'], unique=False)
    op.create_table('mapobject_types',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('ref_type', sa.String(length=50), nullable=False),
    sa.Column('is_static', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_mapobject_types_experiment_id_experiments'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_mapobject_types')),
    sa.UniqueConstraint('experiment_id', 'name', name=op.f('uq_mapobject_types_experiment_id_name'))
    )
    op.create_index(op.f('ix_mapobject_types_experiment_id'), 'mapobject_types', ['experiment_id'], unique=False)
    op.create_table('plates',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_plates_experiment_id_experiments'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_plates')),
    sa.UniqueConstraint('experiment_id', 'name', name=op.f('uq_plates_experiment_id_name')),
    sqlite_autoincrement=True
    )
    op.create_index(op.f('ix_plates_experiment_id'), 'plates', ['experiment_id'], unique=False)
    op.create_table('submissions',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('program', sa.String(length=50), nullable=False),
    sa.Column('description', sa.JSON(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_submissions_experiment_id_experiments'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_submissions_user_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_submissions'))
    )
    op.create_index(op.f('ix_submissions_experiment_id'), 'submissions', ['experiment_id'], unique=False)
    op.create_index(op.f('ix_submissions_user_id'), 'submissions', ['user_id'], unique=False)
    op.create_table('workflow_settings',
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('description', sa.JSON(), nullable=True),
    sa.Column('jterator_project', sa.JSON(), nullable=True),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_workflow_settings_experiment_id_experiments'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('experiment_id', name=op.f('pk_workflow_settings'))
    )
    op.create_table('acquisitions',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('plate_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_acquisitions_experiment_id_experiments'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['plate_id'], ['plates.id'], name=op.f('fk_acquisitions_plate_id_plates'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_acquisitions')),
    sa.UniqueConstraint('plate_id', 'name', name=op.f('uq_acquisitions_plate_id_name')),
    sqlite_autoincrement=True
    )
    op.create_index(op.f('ix_acquisitions_experiment_id'), 'acquisitions', ['experiment_id'], unique=False)
    op.create_index(op.f('ix_acquisitions_plate_id'), 'acquisitions', ['plate_id'], unique=False)
    op.create_table('channel_layers',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('channel_id', sa.Integer(), nullable=False),
    sa.Column('tpoint', sa.Integer(), nullable=False),
    sa.Column('zplane', sa.Integer(), nullable=False),
    sa.Column('min_intensity', sa.Integer(), nullable=False),
    sa.Column('max_intensity', sa.Integer(), nullable=False),
    sa.Column('version', sa.String(length=32), nullable=False),
    sa.ForeignKeyConstraint(['channel_id'], ['channels.id'], name=op.f('fk_channel_layers_channel_id_channels'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_channel_layers_experiment_id_experiments'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_channel_layers')),
    sa.UniqueConstraint('channel_id', 'tpoint', 'zplane', name=op.f('uq_channel_layers_channel_id_tpoint_zplane'))
    )
    op.create_index(op.f('ix_channel_layers_channel_id'), 'channel_layers', ['channel_id'], unique=False)
    op.create_index(op.f('ix_channel_layers_experiment_id'), 'channel_layers', ['experiment_id'], unique=False)
    op.create_table('features',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('mapobject_type_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('key', sa.String(length=255), nullable=False),
    sa.Column('is_aggregate', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_features_experiment_id_experiments'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['mapobject_type_id'], ['mapobject_types.id'], name=op.f('fk_features_mapobject_type_id_mapobject_types'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_features')),
    sa.UniqueConstraint('mapobject_type_id', 'key', name=op.f('uq_features_mapobject_type_id_key')),
    sa.UniqueConstraint('mapobject_type_id', 'name', name=op.f('uq_features_mapobject_type_id_name'))
    )
    op.create_index(op.f('ix_features_experiment_id'), 'features', ['experiment_id'], unique=False)
    op.create_table('illumstats_files',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('channel_id', sa.Integer(), nullable=False),
    sa.Column('plate_id', sa.Integer(), nullable=True),
    sa.Column('path', sa.String(length=255), nullable=False),
    sa.Column('n_images', sa.Integer(), nullable=False),
    sa.Column('flatness_before', sa.Double(), nullable=False),
    sa.Column('flatness_after', sa.Double(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['channel_id'], ['channels.id'], name=op.f('fk_illumstats_files_channel_id_channels'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_illumstats_files_experiment_id_experiments'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['plate_id'], ['plates.id'], name=op.f('fk_illumstats_files_plate_id_plates'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_illumstats_files')),
    sa.UniqueConstraint('channel_id', 'plate_id', name=op.f('uq_illumstats_files_channel_id_plate_id'))
    )
    op.create_index(op.f('ix_illumstats_files_plate_id'), 'illumstats_files', ['plate_id'], unique=False)
    op.create_index(op.f('ix_illumstats_files_experiment_id'), 'illumstats_files', ['experiment_id'], unique=False)
    op.create_table('mapobjects',
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('mapobject_type_id', sa.Integer(), nullable=False),
    sa.Column('ref_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['mapobject_type_id'], ['mapobject_types.id'], name=op.f('fk_mapobjects_mapobject_type_id_mapobject_types'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('experiment_id', 'id', name=op.f('pk_mapobjects')),
    postgresql_partition_by='LIST (experiment_id)'
    )
    op.create_index('ix_mapobjects_mapobject_type_id_ref_id', 'mapobjects', ['mapobject_type_id', 'ref_id'], unique=False)
    op.create_table('segmentation_layers',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('mapobject_type_id', sa.Integer(), nullable=False),
    sa.Column('tpoint', sa.Integer(), nullable=True),
    sa.Column('zplane', sa.Integer(), nullable=True),
    sa.Column('polygon_thresh', sa.Integer(), nullable=False),
    sa.Column('centroid_thresh', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_segmentation_layers_experiment_id_experiments'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['mapobject_type_id'], ['mapobject_types.id'], name=op.f('fk_segmentation_layers_mapobject_type_id_mapobject_types'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_segmentation_layers')),
    sa.UniqueConstraint('mapobject_type_id', 'tpoint', 'zplane', name=op.f('uq_segmentation_layers_mapobject_type_id_tpoint_zplane'))
    )
    op.create_index(op.f('ix_segmentation_layers_experiment_id'), 'segmentation_layers', ['experiment_id'], unique=False)
    op.create_table('tasks',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('submission_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('parent_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('kind', sa.Enum('workflow', 'stage', 'step', 'phase', name='taskkind', native_enum=False, length=20), nullable=False),
    sa.Column('type', sa.String(length=50), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('state', sa.Enum('NEW', 'SUBMITTED', 'RUNNING', 'STOPPED', 'TERMINATING', 'TERMINATED', 'UNKNOWN', name='state', native_enum=False, length=20), nullable=False),
    sa.Column('exitcode', sa.Integer(), nullable=True),
    sa.Column('n_jobs', sa.Integer(), nullable=False),
    sa.Column('n_done', sa.Integer(), nullable=False),
    sa.Column('n_failed', sa.Integer(), nullable=False),
    sa.Column('started_at', UtcDateTime(), nullable=True),
    sa.Column('finished_at', UtcDateTime(), nullable=True),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['parent_id'], ['tasks.id'], name=op.f('fk_tasks_parent_id_tasks'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['submission_id'], ['submissions.id'], name=op.f('fk_tasks_submission_id_submissions'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tasks')),
    sa.UniqueConstraint('parent_id', 'position', name=op.f('uq_tasks_parent_id_position'))
    )
    op.create_index(op.f('ix_tasks_submission_id'), 'tasks', ['submission_id'], unique=False)
    op.create_table('wells',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('plate_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=10), nullable=False),
    sa.Column('description', sa.JSON(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_wells_experiment_id_experiments'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['plate_id'], ['plates.id'], name=op.f('fk_wells_plate_id_plates'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_wells')),
    sa.UniqueConstraint('plate_id', 'name', name=op.f('uq_wells_plate_id_name'))
    )
    op.create_index(op.f('ix_wells_experiment_id'), 'wells', ['experiment_id'], unique=False)
    op.create_index(op.f('ix_wells_plate_id'), 'wells', ['plate_id'], unique=False)
    op.create_table('jobs',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('submission_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('task_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('step_name', sa.String(length=50), nullable=False),
    sa.Column('phase', sa.String(length=50), nullable=False),
    sa.Column('index', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('batch', sa.JSON(), nullable=False),
    sa.Column('state', sa.Enum('NEW', 'SUBMITTED', 'RUNNING', 'STOPPED', 'TERMINATING', 'TERMINATED', 'UNKNOWN', name='state', native_enum=False, length=20), nullable=False),
    sa.Column('attempt', sa.Integer(), nullable=False),
    sa.Column('worker', sa.String(length=255), nullable=True),
    sa.Column('host', sa.String(length=255), nullable=True),
    sa.Column('lease_expires_at', UtcDateTime(), nullable=True),
    sa.Column('submitted_at', UtcDateTime(), nullable=True),
    sa.Column('started_at', UtcDateTime(), nullable=True),
    sa.Column('finished_at', UtcDateTime(), nullable=True),
    sa.Column('exitcode', sa.Integer(), nullable=True),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('wall_time', sa.Double(), nullable=True),
    sa.Column('cpu_time', sa.Double(), nullable=True),
    sa.Column('memory', sa.BigInteger(), nullable=True),
    sa.Column('stdout', sa.Text(), nullable=False),
    sa.Column('stderr', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_jobs_experiment_id_experiments'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['submission_id'], ['submissions.id'], name=op.f('fk_jobs_submission_id_submissions'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['task_id'], ['tasks.id'], name=op.f('fk_jobs_task_id_tasks'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_jobs')),
    sa.UniqueConstraint('task_id', 'index', name=op.f('uq_jobs_task_id_index'))
    )
    op.create_index(op.f('ix_jobs_experiment_id'), 'jobs', ['experiment_id'], unique=False)
    op.create_index('ix_jobs_state_lease_expires_at', 'jobs', ['state', 'lease_expires_at'], unique=False)
    op.create_index('ix_jobs_submission_id_step_name', 'jobs', ['submission_id', 'step_name'], unique=False)
    op.create_table('mapobject_segmentations',
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('mapobject_id', sa.BigInteger(), nullable=False),
    sa.Column('segmentation_layer_id', sa.Integer(), nullable=False),
    sa.Column('label', sa.Integer(), nullable=True),
    sa.Column('is_border', sa.Boolean(), nullable=False),
    sa.Column('centroid_y', sa.Double(), nullable=False),
    sa.Column('centroid_x', sa.Double(), nullable=False),
    sa.Column('outline', Geometry(), nullable=False),
    sa.ForeignKeyConstraint(['experiment_id', 'mapobject_id'], ['mapobjects.experiment_id', 'mapobjects.id'], name='fk_mapobject_segmentations_mapobject', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['segmentation_layer_id'], ['segmentation_layers.id'], name='fk_mapobject_segmentations_layer', ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('experiment_id', 'id', name=op.f('pk_mapobject_segmentations')),
    postgresql_partition_by='LIST (experiment_id)'
    )
    op.create_index('ix_mapobject_segmentations_mapobject_id', 'mapobject_segmentations', ['mapobject_id'], unique=False)
    op.create_index('ix_mapobject_segmentations_layer', 'mapobject_segmentations', ['segmentation_layer_id', 'mapobject_id'], unique=False)
    op.create_table('microscope_files',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('acquisition_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('kind', sa.Enum('image', 'metadata', name='filekind', native_enum=False, length=20), nullable=False),
    sa.Column('status', sa.Enum('WAITING', 'UPLOADING', 'COMPLETE', 'FAILED', name='fileuploadstatus', native_enum=False, length=20), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=True),
    sa.Column('omexml', sa.Text(), nullable=True),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['acquisition_id'], ['acquisitions.id'], name=op.f('fk_microscope_files_acquisition_id_acquisitions'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_microscope_files_experiment_id_experiments'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_microscope_files')),
    sa.UniqueConstraint('acquisition_id', 'name', name=op.f('uq_microscope_files_acquisition_id_name'))
    )
    op.create_index('ix_microscope_files_acquisition_id_status', 'microscope_files', ['acquisition_id', 'status'], unique=False)
    op.create_index(op.f('ix_microscope_files_experiment_id'), 'microscope_files', ['experiment_id'], unique=False)
    op.create_table('sites',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('well_id', sa.Integer(), nullable=False),
    sa.Column('y', sa.Integer(), nullable=False),
    sa.Column('x', sa.Integer(), nullable=False),
    sa.Column('field', sa.Integer(), nullable=False),
    sa.Column('height', sa.Integer(), nullable=False),
    sa.Column('width', sa.Integer(), nullable=False),
    sa.Column('omitted', sa.Boolean(), nullable=False),
    sa.Column('top_residue', sa.Integer(), nullable=False),
    sa.Column('bottom_residue', sa.Integer(), nullable=False),
    sa.Column('left_residue', sa.Integer(), nullable=False),
    sa.Column('right_residue', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_sites_experiment_id_experiments'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['well_id'], ['wells.id'], name=op.f('fk_sites_well_id_wells'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sites')),
    sa.UniqueConstraint('well_id', 'y', 'x', name=op.f('uq_sites_well_id_y_x'))
    )
    op.create_index(op.f('ix_sites_experiment_id'), 'sites', ['experiment_id'], unique=False)
    op.create_index(op.f('ix_sites_well_id'), 'sites', ['well_id'], unique=False)
    op.create_table('site_shifts',
    sa.Column('site_id', sa.Integer(), nullable=False),
    sa.Column('cycle_id', sa.Integer(), nullable=False),
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('y', sa.Integer(), nullable=False),
    sa.Column('x', sa.Integer(), nullable=False),
    sa.Column('quality', sa.Double(), nullable=False),
    sa.ForeignKeyConstraint(['cycle_id'], ['cycles.id'], name=op.f('fk_site_shifts_cycle_id_cycles'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_site_shifts_experiment_id_experiments'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_site_shifts_site_id_sites'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('site_id', 'cycle_id', name=op.f('pk_site_shifts'))
    )
    op.create_index(op.f('ix_site_shifts_cycle_id'), 'site_shifts', ['cycle_id'], unique=False)
    op.create_index(op.f('ix_site_shifts_experiment_id'), 'site_shifts', ['experiment_id'], unique=False)
    op.create_table('channel_image_files',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('acquisition_id', sa.Integer(), nullable=False),
    sa.Column('site_id', sa.Integer(), nullable=False),
    sa.Column('channel_id', sa.Integer(), nullable=False),
    sa.Column('cycle_id', sa.Integer(), nullable=True),
    sa.Column('tpoint', sa.Integer(), nullable=False),
    sa.Column('zplane', sa.Integer(), nullable=False),
    sa.Column('file_map', sa.JSON(), nullable=False),
    sa.Column('acquired_at', UtcDateTime(), nullable=True),
    sa.ForeignKeyConstraint(['acquisition_id'], ['acquisitions.id'], name=op.f('fk_channel_image_files_acquisition_id_acquisitions'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['channel_id'], ['channels.id'], name=op.f('fk_channel_image_files_channel_id_channels'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['cycle_id'], ['cycles.id'], name=op.f('fk_channel_image_files_cycle_id_cycles'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_channel_image_files_experiment_id_experiments'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_channel_image_files_site_id_sites'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_channel_image_files')),
    sa.UniqueConstraint('site_id', 'channel_id', 'tpoint', 'zplane', 'acquisition_id', name='uq_channel_image_files_plane')
    )
    op.create_index(op.f('ix_channel_image_files_acquisition_id'), 'channel_image_files', ['acquisition_id'], unique=False)
    op.create_index('ix_channel_image_files_channel_id_tpoint_zplane', 'channel_image_files', ['channel_id', 'tpoint', 'zplane'], unique=False)
    op.create_index(op.f('ix_channel_image_files_cycle_id'), 'channel_image_files', ['cycle_id'], unique=False)
    op.create_index(op.f('ix_channel_image_files_experiment_id'), 'channel_image_files', ['experiment_id'], unique=False)
    op.create_index(op.f('ix_channel_image_files_site_id'), 'channel_image_files', ['site_id'], unique=False)
    op.create_table('feature_value_files',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('experiment_id', sa.Integer(), nullable=False),
    sa.Column('mapobject_type_id', sa.Integer(), nullable=False),
    sa.Column('site_id', sa.Integer(), nullable=True),
    sa.Column('tpoint', sa.Integer(), nullable=False),
    sa.Column('zplane', sa.Integer(), nullable=False),
    sa.Column('path', sa.String(length=255), nullable=False),
    sa.Column('n_rows', sa.Integer(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiments.id'], name=op.f('fk_feature_value_files_experiment_id_experiments'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['mapobject_type_id'], ['mapobject_types.id'], name=op.f('fk_feature_value_files_mapobject_type_id_mapobject_types'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_feature_value_files_site_id_sites'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_feature_value_files')),
    sa.UniqueConstraint('site_id', 'mapobject_type_id', 'tpoint', 'zplane', name='uq_feature_value_files_content'),
    sa.UniqueConstraint('path', name=op.f('uq_feature_value_files_path'))
    )
    op.create_index(op.f('ix_feature_value_files_experiment_id'), 'feature_value_files', ['experiment_id'], unique=False)
    op.create_index(op.f('ix_feature_value_files_mapobject_type_id'), 'feature_value_files', ['mapobject_type_id'], unique=False)
    if is_postgresql:
        op.create_index('ix_mapobject_segmentations_outline', 'mapobject_segmentations', ['outline'], postgresql_using='gist')
    else:
        for statement in SQLITE_DDL:
            op.execute(statement)
    counters = sa.table('id_counters', sa.column('name'), sa.column('next_value'))
    for name in ('mapobjects', 'mapobject_segmentations'):
        op.execute(counters.insert().values(name=name, next_value=1))


def downgrade() -> None:
    if op.get_bind().dialect.name == 'sqlite':
        op.execute(f'DROP TABLE {RTREE}')
    for table in reversed(_TABLES):
        op.drop_table(table)
