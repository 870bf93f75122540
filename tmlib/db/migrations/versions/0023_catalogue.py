"""The public catalogue, whose classes refer to each other."""

import sqlalchemy as sa
from alembic import op

from tmlib.db.base import UtcDateTime

revision = '0023'
down_revision = '0022'
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation='C'), 'postgresql')

TABLES = (
    'portal_depositions',
    'portal_datasets',
    'portal_deposition_authors',
    'portal_deposition_types',
    'portal_dataset_authors',
    'portal_dataset_funding',
    'portal_runs',
    'portal_frame_acquisition_files',
    'portal_frames',
    'portal_gain_files',
    'portal_identified_objects',
    'portal_tiltseries',
    'portal_tomogram_voxel_spacings',
    'portal_alignments',
    'portal_annotations',
    'portal_per_section_parameters',
    'portal_annotation_authors',
    'portal_annotation_method_links',
    'portal_annotation_shapes',
    'portal_per_section_alignment_parameters',
    'portal_tomograms',
    'portal_annotation_files',
    'portal_tomogram_authors',
)


def upgrade() -> None:
    op.create_table('portal_depositions',
    sa.Column('title', TEXT, nullable=False),
    sa.Column('description', TEXT, nullable=False),
    sa.Column('tag', TEXT, nullable=True),
    sa.Column('deposition_publications', TEXT, nullable=True),
    sa.Column('related_database_entries', TEXT, nullable=True),
    sa.Column('deposition_date', UtcDateTime(), nullable=False),
    sa.Column('release_date', UtcDateTime(), nullable=False),
    sa.Column('last_modified_date', UtcDateTime(), nullable=False),
    sa.Column('key_photo_url', TEXT, nullable=True),
    sa.Column('key_photo_thumbnail_url', TEXT, nullable=True),
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_portal_depositions'))
    )
    op.create_table('portal_datasets',
    sa.Column('deposition_id', sa.Integer(), nullable=False),
    sa.Column('title', TEXT, nullable=False),
    sa.Column('description', TEXT, nullable=False),
    sa.Column('assay_label', TEXT, nullable=True),
    sa.Column('assay_ontology_id', TEXT, nullable=True),
    sa.Column('development_stage_name', TEXT, nullable=True),
    sa.Column('development_stage_ontology_id', TEXT, nullable=True),
    sa.Column('disease_name', TEXT, nullable=True),
    sa.Column('disease_ontology_id', TEXT, nullable=True),
    sa.Column('organism_name', TEXT, nullable=True),
    sa.Column('organism_taxid', sa.Integer(), nullable=True),
    sa.Column('tissue_name', TEXT, nullable=True),
    sa.Column('tissue_id', TEXT, nullable=True),
    sa.Column('cell_name', TEXT, nullable=True),
    sa.Column('cell_type_id', TEXT, nullable=True),
    sa.Column('cell_strain_name', TEXT, nullable=True),
    sa.Column('cell_strain_id', TEXT, nullable=True),
    sa.Column('sample_type', TEXT, nullable=True),
    sa.Column('sample_preparation', TEXT, nullable=True),
    sa.Column('grid_preparation', TEXT, nullable=True),
    sa.Column('other_setup', TEXT, nullable=True),
    sa.Column('key_photo_url', TEXT, nullable=True),
    sa.Column('key_photo_thumbnail_url', TEXT, nullable=True),
    sa.Column('cell_component_name', TEXT, nullable=True),
    sa.Column('cell_component_id', TEXT, nullable=True),
    sa.Column('deposition_date', UtcDateTime(), nullable=False),
    sa.Column('release_date', UtcDateTime(), nullable=False),
    sa.Column('last_modified_date', UtcDateTime(), nullable=False),
    sa.Column('dataset_publications', TEXT, nullable=True),
    sa.Column('related_database_entries', TEXT, nullable=True),
    sa.Column('s3_prefix', TEXT, nullable=False),
    sa.Column('https_prefix', TEXT, nullable=False),
    sa.Column('file_size', sa.Double(), nullable=True),
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.ForeignKeyConstraint(['deposition_id'], ['portal_depositions.id'], name=op.f('fk_portal_datasets_deposition_id_portal_depositions')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_portal_datasets'))
    )
    op.create_index(op.f('ix_portal_datasets_deposition_id'), 'portal_datasets', ['deposition_id'])
    op.create_table('portal_deposition_authors',
    sa.Column('deposition_id', sa.Integer(), nullable=False),
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('author_list_order', sa.Integer(), nullable=False),
    sa.Column('orcid', TEXT, nullable=True),
    sa.Column('kaggle_id', TEXT, nullable=True),
    sa.Column('name', TEXT, nullable=False),
    sa.Column('email', TEXT, nullable=True),
    sa.Column('affiliation_name', TEXT, nullable=True),
    sa.Column('affiliation_address', TEXT, nullable=True),
    sa.Column('affiliation_identifier', TEXT, nullable=True),
    sa.Column('corresponding_author_status', sa.Boolean(), nullable=True),
    sa.Column('primary_author_status', sa.Boolean(), nullable=True),
    sa.ForeignKeyConstraint(['deposition_id'], ['portal_depositions.id'], name=op.f('fk_portal_deposition_authors_deposition_id_portal_depositions')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_portal_deposition_authors'))
    )
    op.create_index(op.f('ix_portal_deposition_authors_deposition_id'), 'portal_deposition_authors', ['deposition_id'])
    op.create_table('portal_deposition_types',
    sa.Column('deposition_id', sa.Integer(), nullable=False),
    sa.Column('type', TEXT, nullable=True),
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.ForeignKeyConstraint(['deposition_id'], ['portal_depositions.id'], name=op.f('fk_portal_deposition_types_deposition_id_portal_depositions')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_portal_deposition_types'))
    )
    op.create_index(op.f('ix_portal_deposition_types_deposition_id'), 'portal_deposition_types', ['deposition_id'])
    op.create_table('portal_dataset_authors',
    sa.Column('dataset_id', sa.Integer(), nullable=True),
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('author_list_order', sa.Integer(), nullable=False),
    sa.Column('orcid', TEXT, nullable=True),
    sa.Column('kaggle_id', TEXT, nullable=True),
    sa.Column('name', TEXT, nullable=False),
    sa.Column('email', TEXT, nullable=True),
    sa.Column('affiliation_name', TEXT, nullable=True),
    sa.Column('affiliation_address', TEXT, nullable=True),
    sa.Column('affiliation_identifier', TEXT, nullable=True),
    sa.Column('corresponding_author_status', sa.Boolean(), nullable=True),
    sa.Column('primary_author_status', sa.Boolean(), nullable=True),
    sa.ForeignKeyConstraint(['dataset_id'], ['portal_datasets.id'], name=op.f('fk_portal_dataset_authors_dataset_id_portal_datasets')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_portal_dataset_authors'))
    )
    op.create_index(op.f('ix_portal_dataset_authors_dataset_id'), 'portal_dataset_authors', ['dataset_id'])
    op.create_table('portal_dataset_funding',
    sa.Column('dataset_id', sa.Integer(), nullable=True),
    sa.Column('funding_agency_name', TEXT, nullable=True),
    sa.Column('grant_id', TEXT, nullable=True),
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.ForeignKeyConstraint(['dataset_id'], ['portal_datasets.id'], name=op.f('fk_portal_dataset_funding_dataset_id_portal_datasets')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_portal_dataset_funding'))
    )
    op.create_index(op.f('ix_portal_dataset_funding_dataset_id'), 'portal_dataset_funding', ['dataset_id'])
    op.create_table('portal_runs',
    sa.Column('dataset_id', sa.Integer(), nullable=False),
    sa.Column('name', TEXT, nullable=False),
    sa.Column('s3_prefix', TEXT, nullable=False),
    sa.Column('https_prefix', TEXT, nullable=False),
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.ForeignKeyConstraint(['dataset_id'], ['portal_datasets.id'], name=op.f('fk_portal_runs_dataset_id_portal_datasets')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_portal_runs'))
    )
    op.create_index(op.f('ix_portal_runs_dataset_id'), 'portal_runs', ['dataset_id'])
    op.create_table('portal_frame_acquisition_files',
    sa.Column('run_id', sa.Integer(), nullable=True),
    sa.Column('s3_mdoc_path', TEXT, nullable=False),
    sa.Column('https_mdoc_path', TEXT, nullable=False),
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.ForeignKeyConstraint(['run_id'], ['portal_runs.id'], name=op.f('fk_portal_frame_acquisition_files_run_id_portal_runs')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_portal_frame_acquisition_files'))
    )
    op.create_index(op.f('ix_portal_frame_acquisition_files_run_id'), 'portal_frame_acquisition_files', ['run_id'])
    op.create_table('portal_frames',
    sa.Column('deposition_id', sa.Integer(), nullable=False),
    sa.Column('run_id', sa.Integer(), nullable=False),
    sa.Column('acquisition_order', sa.Integer(), nullable=True),
    sa.Column('accumulated_dose', sa.Double(), nullable=True),
    sa.Column('exposure_dose', sa.Double(), nullable=True),
    sa.Column('is_gain_corrected', sa.Boolean(), nullable=True),
    sa.Column('s3_frame_path', TEXT, nullable=True),
    sa.Column('https_frame_path', TEXT, nullable=True),
    sa.Column('file_size', sa.Double(), nullable=True),
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.ForeignKeyConstraint(['deposition_id'], ['portal_depositions.id'], name=op.f('fk_portal_frames_deposition_id_portal_depositions')),
    sa.ForeignKeyConstraint(['run_id'], ['portal_runs.id'], name=op.f('fk_portal_frames_run_id_portal_runs')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_portal_frames'))
    )
    op.create_index(op.f('ix_portal_frames_deposition_id'), 'portal_frames', ['deposition_id'])
    op.create_index(op.f('ix_portal_frames_run_id'), 'portal_frames', ['run_id'])
    op.create_table('portal_gain_files',
    sa.Column('run_id', sa.Integer(), nullable=False),
    sa.Column('s3_file_path', TEXT, nullable=False),
    sa.Column('https_file_path', TEXT, nullable=False),
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.ForeignKeyConstraint(['run_id'], ['portal_runs.id'], name=op.f('fk_portal_gain_files_run_id_portal_runs')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_portal_gain_files'))
    )
    op.create_index(op.f('ix_portal_gain_files_run_id'), 'portal_gain_files', ['run_id'])
    op.create_table('portal_identified_objects',
    sa.Column('run_id', sa.Integer(), nullable=True),
    sa.Column('object_id', TEXT, nullable=False),
    sa.Column('object_name', TEXT, nullable=False),
    sa.Column('object_description', TEXT, nullable=True),
    sa.Column('object_state', TEXT, nullable=True),
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.ForeignKeyConstraint(['run_id'], ['portal_runs.id'], name=op.f('fk_portal_identified_objects_run_id_portal_runs')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_portal_identified_objects'))
    )
    op.create_index(op.f('ix_portal_identified_objects_run_id'), 'portal_identified_objects', ['run_id'])
    op.create_table('portal_tiltseries',
    sa.Column('run_id', sa.Integer(), nullable=False),
    sa.Column('deposition_id', sa.Integer(), nullable=True),
    sa.Column('s3_omezarr_dir', TEXT, nullable=True),
    sa.Column('file_size_omezarr', sa.Double(), nullable=True),
    sa.Column('s3_mrc_file', TEXT, nullable=True),
    sa.Column('file_size_mrc', sa.Double(), nullable=True),
    sa.Column('https_omezarr_dir', TEXT, nullable=True),
    sa.Column('https_mrc_file', TEXT, nullable=True),
    sa.Column('s3_angle_list', TEXT, nullable=True),
    sa.Column('https_angle_list', TEXT, nullable=True),
    sa.Column('acceleration_voltage', sa.Integer(), nullable=False),
    sa.Column('spherical_aberration_constant', sa.Double(), nullable=False),
    sa.Column('microscope_manufacturer', TEXT, nullable=False),
    sa.Column('microscope_model', TEXT, nullable=False),
    sa.Column('microscope_energy_filter', TEXT, nullable=False),
    sa.Column('microscope_phase_plate', TEXT, nullable=True),
    sa.Column('microscope_image_corrector', TEXT, nullable=True),
    sa.Column('microscope_additional_info', TEXT, nullable=True),
    sa.Column('camera_manufacturer', TEXT, nullable=False),
    sa.Column('camera_model', TEXT, nullable=False),
    sa.Column('tilt_min', sa.Double(), nullable=False),
    sa.Column('tilt_max', sa.Double(), nullable=False),
    sa.Column('tilt_range', sa.Double(), nullable=False),
    sa.Column('tilt_step', sa.Double(), nullable=False),
    sa.Column('tilting_scheme', TEXT, nullable=False),
    sa.Column('tilt_axis', sa.Double(), nullable=False),
    sa.Column('total_flux', sa.Double(), nullable=False),
    sa.Column('data_acquisition_software', TEXT, nullable=False),
    sa.Column('related_empiar_entry', TEXT, nullable=True),
    sa.Column('binning_from_frames', sa.Double(), nullable=True),
    sa.Column('tilt_series_quality', sa.Integer(), nullable=False),
    sa.Column('is_aligned', sa.Boolean(), nullable=False),
    sa.Column('pixel_spacing', sa.Double(), nullable=False),
    sa.Column('aligned_tiltseries_binning', sa.Integer(), nullable=True),
    sa.Column('size_x', sa.Integer(), nullable=True),
    sa.Column('size_y', sa.Integer(), nullable=True),
    sa.Column('size_z', sa.Integer(), nullable=True),
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.ForeignKeyConstraint(['deposition_id'], ['portal_depositions.id'], name=op.f('fk_portal_tiltseries_deposition_id_portal_depositions')),
    sa.ForeignKeyConstraint(['run_id'], ['portal_runs.id'], name=op.f('fk_portal_tiltseries_run_id_portal_runs')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_portal_tiltseries'))
    )
    op.create_index(op.f('ix_portal_tiltseries_deposition_id'), 'portal_tiltseries', ['deposition_id'])
    op.create_index(op.f('ix_portal_tiltseries_run_id'), 'portal_tiltseries', ['run_id'])
    op.create_table('portal_tomogram_voxel_spacings',
    sa.Column('run_id', sa.Integer(), nullable=True),
    sa.Column('voxel_spacing', sa.Double(), nullable=False),
    sa.Column('s3_prefix', TEXT, nullable=False),
    sa.Column('https_prefix', TEXT, nullable=False),
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.ForeignKeyConstraint(['run_id'], ['portal_runs.id'], name=op.f('fk_portal_tomogram_voxel_spacings_run_id_portal_runs')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_portal_tomogram_voxel_spacings'))
    )
    op.create_index(op.f('ix_portal_tomogram_voxel_spacings_run_id'), 'portal_tomogram_voxel_spacings', ['run_id'])
    op.create_table('portal_alignments',
    sa.Column('deposition_id', sa.Integer(), nullable=True),
    sa.Column('tiltseries_id', sa.Integer(), nullable=True),
    sa.Column('run_id', sa.Integer(), nullable=True),
    sa.Column('alignment_type', TEXT, nullable=True),
    sa.Column('alignment_method', TEXT, nullable=True),
    sa.Column('volume_x_dimension', sa.Double(), nullable=True),
    sa.Column('volume_y_dimension', sa.Double(), nullable=True),
    sa.Column('volume_z_dimension', sa.Double(), nullable=True),
    sa.Column('volume_x_offset', sa.Double(), nullable=True),
    sa.Column('volume_y_offset', sa.Double(), nullable=True),
    sa.Column('volume_z_offset', sa.Double(), nullable=True),
    sa.Column('x_rotation_offset', sa.Double(), nullable=True),
    sa.Column('tilt_offset', sa.Double(), nullable=True),
    sa.Column('affine_transformation_matrix', TEXT, nullable=True),
    sa.Column('s3_alignment_metadata', TEXT, nullable=True),
    sa.Column('https_alignment_metadata', TEXT, nullable=True),
    sa.Column('is_portal_standard', sa.Boolean(), nullable=True),
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.ForeignKeyConstraint(['deposition_id'], ['portal_depositions.id'], name=op.f('fk_portal_alignments_deposition_id_portal_depositions')),
    sa.ForeignKeyConstraint(['run_id'], ['portal_runs.id'], name=op.f('fk_portal_alignments_run_id_portal_runs')),
    sa.ForeignKeyConstraint(['tiltseries_id'], ['portal_tiltseries.id'], name=op.f('fk_portal_alignments_tiltseries_id_portal_tiltseries')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_portal_alignments'))
    )
    op.create_index(op.f('ix_portal_alignments_deposition_id'), 'portal_alignments', ['deposition_id'])
    op.create_index(op.f('ix_portal_alignments_run_id'), 'portal_alignments', ['run_id'])
    op.create_index(op.f('ix_portal_alignments_tiltseries_id'), 'portal_alignments', ['tiltseries_id'])
    op.create_table('portal_annotations',
    sa.Column('run_id', sa.Integer(), nullable=True),
    sa.Column('deposition_id', sa.Integer(), nullable=True),
    sa.Column('tomogram_voxel_spacing_id', sa.Integer(), nullable=True),
    sa.Column('s3_metadata_path', TEXT, nullable=False),
    sa.Column('https_metadata_path', TEXT, nullable=False),
    sa.Column('annotation_publication', TEXT, nullable=True),
    sa.Column('annotation_method', TEXT, nullable=False),
    sa.Column('annotation_ingest_id', TEXT, nullable=False),
    sa.Column('ground_truth_status', sa.Boolean(), nullable=True),
    sa.Column('object_id', TEXT, nullable=False),
    sa.Column('object_name', TEXT, nullable=False),
    sa.Column('object_description', TEXT, nullable=True),
    sa.Column('object_state', TEXT, nullable=True),
    sa.Column('object_count', sa.Integer(), nullable=True),
    sa.Column('confidence_precision', sa.Double(), nullable=True),
    sa.Column('confidence_recall', sa.Double(), nullable=True),
    sa.Column('ground_truth_used', TEXT, nullable=True),
    sa.Column('annotation_software', TEXT, nullable=True),
    sa.Column('is_curator_recommended', sa.Boolean(), nullable=True),
    sa.Column('method_type', TEXT, nullable=False),
    sa.Column('deposition_date', UtcDateTime(), nullable=False),
    sa.Column('release_date', UtcDateTime(), nullable=False),
    sa.Column('last_modified_date', UtcDateTime(), nullable=False),
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.ForeignKeyConstraint(['deposition_id'], ['portal_depositions.id'], name=op.f('fk_portal_annotations_deposition_id_portal_depositions')),
    sa.ForeignKeyConstraint(['run_id'], ['portal_runs.id'], name=op.f('fk_portal_annotations_run_id_portal_runs')),
    sa.ForeignKeyConstraint(['tomogram_voxel_spacing_id'], ['portal_tomogram_voxel_spacings.id'], name=op.f('fk_portal_annotations_tomogram_voxel_spacing_id_portal_tomogram_voxel_spacings')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_portal_annotations'))
    )
    op.create_index(op.f('ix_portal_annotations_deposition_id'), 'portal_annotations', ['deposition_id'])
    op.create_index(op.f('ix_portal_annotations_run_id'), 'portal_annotations', ['run_id'])
    op.create_index(op.f('ix_portal_annotations_tomogram_voxel_spacing_id'), 'portal_annotations', ['tomogram_voxel_spacing_id'])
    op.create_table('portal_per_section_parameters',
    sa.Column('astigmatic_angle', sa.Double(), nullable=True),
    sa.Column('frame_id', sa.Integer(), nullable=False),
    sa.Column('major_defocus', sa.Double(), nullable=True),
    sa.Column('max_resolution', sa.Double(), nullable=True),
    sa.Column('minor_defocus', sa.Double(), nullable=True),
    sa.Column('phase_shift', sa.Double(), nullable=True),
    sa.Column('raw_angle', sa.Double(), nullable=False),
    sa.Column('run_id', sa.Integer(), nullable=False),
    sa.Column('tiltseries_id', sa.Integer(), nullable=False),
    sa.Column('z_index', sa.Integer(), nullable=False),
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.ForeignKeyConstraint(['frame_id'], ['portal_frames.id'], name=op.f('fk_portal_per_section_parameters_frame_id_portal_frames')),
    sa.ForeignKeyConstraint(['run_id'], ['portal_runs.id'], name=op.f('fk_portal_per_section_parameters_run_id_portal_runs')),
    sa.ForeignKeyConstraint(['tiltseries_id'], ['portal_tiltseries.id'], name=op.f('fk_portal_per_section_parameters_tiltseries_id_portal_tiltseries')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_portal_per_section_parameters'))
    )
    op.create_index(op.f('ix_portal_per_section_parameters_frame_id'), 'portal_per_section_parameters', ['frame_id'])
    op.create_index(op.f('ix_portal_per_section_parameters_run_id'), 'portal_per_section_parameters', ['run_id'])
    op.create_index(op.f('ix_portal_per_section_parameters_tiltseries_id'), 'portal_per_section_parameters', ['tiltseries_id'])
    op.create_table('portal_annotation_authors',
    sa.Column('annotation_id', sa.Integer(), nullable=True),
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('author_list_order', sa.Integer(), nullable=False),
    sa.Column('orcid', TEXT, nullable=True),
    sa.Column('kaggle_id', TEXT, nullable=True),
    sa.Column('name', TEXT, nullable=False),
    sa.Column('email', TEXT, nullable=True),
    sa.Column('affiliation_name', TEXT, nullable=True),
    sa.Column('affiliation_address', TEXT, nullable=True),
    sa.Column('affiliation_identifier', TEXT, nullable=True),
    sa.Column('corresponding_author_status', sa.Boolean(), nullable=True),
    sa.Column('primary_author_status', sa.Boolean(), nullable=True),
    sa.ForeignKeyConstraint(['annotation_id'], ['portal_annotations.id'], name=op.f('fk_portal_annotation_authors_annotation_id_portal_annotations')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_portal_annotation_authors'))
    )
    op.create_index(op.f('ix_portal_annotation_authors_annotation_id'), 'portal_annotation_authors', ['annotation_id'])
    op.create_table('portal_annotation_method_links',
    sa.Column('annotation_id', sa.Integer(), nullable=True),
    sa.Column('link_type', TEXT, nullable=False),
    sa.Column('name', TEXT, nullable=True),
    sa.Column('link', TEXT, nullable=False),
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.ForeignKeyConstraint(['annotation_id'], ['portal_annotations.id'], name=op.f('fk_portal_annotation_method_links_annotation_id_portal_annotations')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_portal_annotation_method_links'))
    )
    op.create_index(op.f('ix_portal_annotation_method_links_annotation_id'), 'portal_annotation_method_links', ['annotation_id'])
    op.create_table('portal_annotation_shapes',
    sa.Column('annotation_id', sa.Integer(), nullable=True),
    sa.Column('shape_type', TEXT, nullable=True),
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.ForeignKeyConstraint(['annotation_id'], ['portal_annotations.id'], name=op.f('fk_portal_annotation_shapes_annotation_id_portal_annotations')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_portal_annotation_shapes'))
    )
    op.create_index(op.f('ix_portal_annotation_shapes_annotation_id'), 'portal_annotation_shapes', ['annotation_id'])
    op.create_table('portal_per_section_alignment_parameters',
    sa.Column('alignment_id', sa.Integer(), nullable=False),
    sa.Column('z_index', sa.Integer(), nullable=False),
    sa.Column('x_offset', sa.Double(), nullable=True),
    sa.Column('y_offset', sa.Double(), nullable=True),
    sa.Column('volume_x_rotation', sa.Double(), nullable=True),
    sa.Column('in_plane_rotation', TEXT, nullable=True),
    sa.Column('tilt_angle', sa.Double(), nullable=True),
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.ForeignKeyConstraint(['alignment_id'], ['portal_alignments.id'], name=op.f('fk_portal_per_section_alignment_parameters_alignment_id_portal_alignments')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_portal_per_section_alignment_parameters'))
    )
    op.create_index(op.f('ix_portal_per_section_alignment_parameters_alignment_id'), 'portal_per_section_alignment_parameters', ['alignment_id'])
    op.create_table('portal_tomograms',
    sa.Column('alignment_id', sa.Integer(), nullable=True),
    sa.Column('deposition_id', sa.Integer(), nullable=False),
    sa.Column('run_id', sa.Integer(), nullable=True),
    sa.Column('tomogram_voxel_spacing_id', sa.Integer(), nullable=True),
    sa.Column('name', TEXT, nullable=True),
    sa.Column('size_x', sa.Integer(), nullable=False),
    sa.Column('size_y', sa.Integer(), nullable=False),
    sa.Column('size_z', sa.Integer(), nullable=False),
    sa.Column('voxel_spacing', sa.Double(), nullable=False),
    sa.Column('fiducial_alignment_status', TEXT, nullable=False),
    sa.Column('reconstruction_method', TEXT, nullable=False),
    sa.Column('processing', TEXT, nullable=False),
    sa.Column('tomogram_version', sa.Double(), nullable=True),
    sa.Column('processing_software', TEXT, nullable=True),
    sa.Column('reconstruction_software', TEXT, nullable=False),
    sa.Column('is_portal_standard', sa.Boolean(), nullable=True),
    sa.Column('is_author_submitted', sa.Boolean(), nullable=True),
    sa.Column('is_visualization_default', sa.Boolean(), nullable=True),
    sa.Column('s3_omezarr_dir', TEXT, nullable=True),
    sa.Column('https_omezarr_dir', TEXT, nullable=True),
    sa.Column('file_size_omezarr', sa.Double(), nullable=True),
    sa.Column('s3_mrc_file', TEXT, nullable=True),
    sa.Column('https_mrc_file', TEXT, nullable=True),
    sa.Column('file_size_mrc', sa.Double(), nullable=True),
    sa.Column('scale_0_dimensions', TEXT, nullable=True),
    sa.Column('scale_1_dimensions', TEXT, nullable=True),
    sa.Column('scale_2_dimensions', TEXT, nullable=True),
    sa.Column('ctf_corrected', sa.Boolean(), nullable=True),
    sa.Column('offset_x', sa.Integer(), nullable=False),
    sa.Column('offset_y', sa.Integer(), nullable=False),
    sa.Column('offset_z', sa.Integer(), nullable=False),
    sa.Column('key_photo_url', TEXT, nullable=True),
    sa.Column('key_photo_thumbnail_url', TEXT, nullable=True),
    sa.Column('neuroglancer_config', TEXT, nullable=True),
    sa.Column('publications', TEXT, nullable=True),
    sa.Column('related_database_entries', TEXT, nullable=True),
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('deposition_date', UtcDateTime(), nullable=True),
    sa.Column('release_date', UtcDateTime(), nullable=True),
    sa.Column('last_modified_date', UtcDateTime(), nullable=True),
    sa.ForeignKeyConstraint(['alignment_id'], ['portal_alignments.id'], name=op.f('fk_portal_tomograms_alignment_id_portal_alignments')),
    sa.ForeignKeyConstraint(['deposition_id'], ['portal_depositions.id'], name=op.f('fk_portal_tomograms_deposition_id_portal_depositions')),
    sa.ForeignKeyConstraint(['run_id'], ['portal_runs.id'], name=op.f('fk_portal_tomograms_run_id_portal_runs')),
    sa.ForeignKeyConstraint(['tomogram_voxel_spacing_id'], ['portal_tomogram_voxel_spacings.id'], name=op.f('fk_portal_tomograms_tomogram_voxel_spacing_id_portal_tomogram_voxel_spacings')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_portal_tomograms'))
    )
    op.create_index(op.f('ix_portal_tomograms_alignment_id'), 'portal_tomograms', ['alignment_id'])
    op.create_index(op.f('ix_portal_tomograms_deposition_id'), 'portal_tomograms', ['deposition_id'])
    op.create_index(op.f('ix_portal_tomograms_run_id'), 'portal_tomograms', ['run_id'])
    op.create_index(op.f('ix_portal_tomograms_tomogram_voxel_spacing_id'), 'portal_tomograms', ['tomogram_voxel_spacing_id'])
    op.create_table('portal_annotation_files',
    sa.Column('alignment_id', sa.Integer(), nullable=True),
    sa.Column('annotation_shape_id', sa.Integer(), nullable=True),
    sa.Column('tomogram_voxel_spacing_id', sa.Integer(), nullable=True),
    sa.Column('format', TEXT, nullable=False),
    sa.Column('s3_path', TEXT, nullable=False),
    sa.Column('file_size', sa.Double(), nullable=True),
    sa.Column('https_path', TEXT, nullable=False),
    sa.Column('is_visualization_default', sa.Boolean(), nullable=True),
    sa.Column('source', TEXT, nullable=True),
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.ForeignKeyConstraint(['alignment_id'], ['portal_alignments.id'], name=op.f('fk_portal_annotation_files_alignment_id_portal_alignments')),
    sa.ForeignKeyConstraint(['annotation_shape_id'], ['portal_annotation_shapes.id'], name=op.f('fk_portal_annotation_files_annotation_shape_id_portal_annotation_shapes')),
    sa.ForeignKeyConstraint(['tomogram_voxel_spacing_id'], ['portal_tomogram_voxel_spacings.id'], name=op.f('fk_portal_annotation_files_tomogram_voxel_spacing_id_portal_tomogram_voxel_spacings')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_portal_annotation_files'))
    )
    op.create_index(op.f('ix_portal_annotation_files_alignment_id'), 'portal_annotation_files', ['alignment_id'])
    op.create_index(op.f('ix_portal_annotation_files_annotation_shape_id'), 'portal_annotation_files', ['annotation_shape_id'])
    op.create_index(op.f('ix_portal_annotation_files_tomogram_voxel_spacing_id'), 'portal_annotation_files', ['tomogram_voxel_spacing_id'])
    op.create_table('portal_tomogram_authors',
    sa.Column('tomogram_id', sa.Integer(), nullable=True),
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('author_list_order', sa.Integer(), nullable=False),
    sa.Column('orcid', TEXT, nullable=True),
    sa.Column('kaggle_id', TEXT, nullable=True),
    sa.Column('name', TEXT, nullable=False),
    sa.Column('email', TEXT, nullable=True),
    sa.Column('affiliation_name', TEXT, nullable=True),
    sa.Column('affiliation_address', TEXT, nullable=True),
    sa.Column('affiliation_identifier', TEXT, nullable=True),
    sa.Column('corresponding_author_status', sa.Boolean(), nullable=True),
    sa.Column('primary_author_status', sa.Boolean(), nullable=True),
    sa.ForeignKeyConstraint(['tomogram_id'], ['portal_tomograms.id'], name=op.f('fk_portal_tomogram_authors_tomogram_id_portal_tomograms')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_portal_tomogram_authors'))
    )
    op.create_index(op.f('ix_portal_tomogram_authors_tomogram_id'), 'portal_tomogram_authors', ['tomogram_id'])


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
