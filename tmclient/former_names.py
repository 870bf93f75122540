"""The names that the client's methods have had since before it had namespaces."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from tmclient.accounts import Account, Tokens, Users
from tmclient.channels import Channels
from tmclient.experiments import Experiments
from tmclient.files import MicroscopeFiles
from tmclient.jterator_project import JteratorProject
from tmclient.object_files import ObjectFiles
from tmclient.object_tables import ObjectTables
from tmclient.objects import Features, Objects, ObjectTypes
from tmclient.plates import Acquisitions, Plates
from tmclient.segmentations import Segmentations
from tmclient.sharing import Sharing
from tmclient.tool_results import ToolModels, ToolResults
from tmclient.tools import Tools
from tmclient.values import FeatureValues
from tmclient.wells import Cycles, Sites, Wells
from tmclient.workflow import Workflow

_Parameters = ParamSpec("_Parameters")
_Answer = TypeVar("_Answer")


def delegate(
    namespace: str, method: Callable[Concatenate[Any, _Parameters], _Answer]
) -> Callable[Concatenate["FormerNames", _Parameters], _Answer]:
    """A method of the client that calls one of a namespace, with the same signature."""

    @wraps(method)
    def call(
        client: "FormerNames", /, *arguments: _Parameters.args, **keywords: _Parameters.kwargs
    ) -> _Answer:
        return method(getattr(client, namespace), *arguments, **keywords)

    call.__doc__ = f"Former name of ``client.{namespace}.{method.__name__}``.\n\n{method.__doc__}"
    return call


class FormerNames:
    """Methods of the client under the names by which published programs call them.

    They stay; new methods are in namespaces only.
    """

    get_experiments = delegate("experiments", Experiments.list)
    get_experiment = delegate("experiments", Experiments.get)
    create_experiment = delegate("experiments", Experiments.create)
    rename_experiment = delegate("experiments", Experiments.rename)
    describe_experiment = delegate("experiments", Experiments.describe)
    delete_experiment = delegate("experiments", Experiments.delete)
    get_workflow_types = delegate("experiments", Experiments.get_workflow_types)
    get_microscope_types = delegate("experiments", Experiments.get_microscope_types)
    get_acquisition_modes = delegate("experiments", Experiments.get_acquisition_modes)

    get_shares = delegate("sharing", Sharing.list)
    share_experiment = delegate("sharing", Sharing.share)
    unshare_experiment = delegate("sharing", Sharing.unshare)
    transfer_experiment = delegate("sharing", Sharing.transfer)
    sign_urls = delegate("sharing", Sharing.sign_urls)

    get_plates = delegate("plates", Plates.list)
    create_plate = delegate("plates", Plates.create)
    rename_plate = delegate("plates", Plates.rename)
    describe_plate = delegate("plates", Plates.describe)
    delete_plate = delegate("plates", Plates.delete)

    get_acquisitions = delegate("acquisitions", Acquisitions.list)
    create_acquisition = delegate("acquisitions", Acquisitions.create)
    rename_acquisition = delegate("acquisitions", Acquisitions.rename)
    describe_acquisition = delegate("acquisitions", Acquisitions.describe)
    delete_acquisition = delegate("acquisitions", Acquisitions.delete)

    get_microscope_files = delegate("microscope_files", MicroscopeFiles.list)
    count_uploaded_files = delegate("microscope_files", MicroscopeFiles.count_uploaded)
    check_file_names = delegate("microscope_files", MicroscopeFiles.check_names)
    register_microscope_files = delegate("microscope_files", MicroscopeFiles.register)
    upload_microscope_files = delegate("microscope_files", MicroscopeFiles.upload)

    get_wells = delegate("wells", Wells.list)
    describe_well = delegate("wells", Wells.describe)

    get_sites = delegate("sites", Sites.list)
    get_site_shifts = delegate("sites", Sites.get_shifts)
    get_site_overlaps = delegate("sites", Sites.get_overlaps)

    get_cycles = delegate("cycles", Cycles.list)

    get_channels = delegate("channels", Channels.list)
    rename_channel = delegate("channels", Channels.rename)
    get_illumination = delegate("channels", Channels.get_illumination)
    get_channel_layers = delegate("channels", Channels.get_layers)
    download_channel_image = delegate("channels", Channels.download_image)
    download_channel_image_file = delegate("channels", Channels.download_image_file)
    download_channel_tile = delegate("channels", Channels.download_tile)
    download_channel_tile_image = delegate("channels", Channels.download_tile_image)

    get_mapobject_types = delegate("object_types", ObjectTypes.list)
    create_mapobject_type = delegate("object_types", ObjectTypes.create)
    rename_mapobject_type = delegate("object_types", ObjectTypes.rename)
    delete_mapobject_type = delegate("object_types", ObjectTypes.delete)

    get_features = delegate("features", Features.list)
    rename_feature = delegate("features", Features.rename)
    delete_feature = delegate("features", Features.delete)

    download_feature_values = delegate("feature_values", FeatureValues.download)
    iterate_feature_values = delegate("feature_values", FeatureValues.iterate)
    download_object_metadata = delegate("feature_values", FeatureValues.download_metadata)
    iterate_object_metadata = delegate("feature_values", FeatureValues.iterate_metadata)
    download_table_file = delegate("feature_values", FeatureValues.download_file)
    download_feature_values_and_metadata_files = delegate(
        "feature_values", FeatureValues.download_files
    )
    upload_feature_values = delegate("feature_values", FeatureValues.upload)
    upload_feature_value_file = delegate("feature_values", FeatureValues.upload_file)

    get_mapobject = delegate("objects", Objects.get)
    find_mapobjects_at = delegate("objects", Objects.find_at)
    find_nearest_mapobjects = delegate("objects", Objects.find_nearest)
    iterate_mapobjects_within = delegate("objects", Objects.iterate_within)
    count_mapobjects_within = delegate("objects", Objects.count_within)
    exhibit_mapobject = delegate("objects", Objects.exhibit)

    get_table_columns = delegate("object_tables", ObjectTables.get_columns)
    download_values = delegate("object_tables", ObjectTables.download_column)
    iterate_table = delegate("object_tables", ObjectTables.iterate)
    get_groups = delegate("object_tables", ObjectTables.get_groups)
    get_distribution = delegate("object_tables", ObjectTables.get_distribution)

    download_anndata_file = delegate("object_files", ObjectFiles.download_anndata)
    download_geojson_file = delegate("object_files", ObjectFiles.download_geojson)
    download_ome_zarr_file = delegate("object_files", ObjectFiles.download_ome_zarr)
    upload_geojson_file = delegate("object_files", ObjectFiles.upload_geojson)

    download_segmentation_image = delegate("segmentations", Segmentations.download_image)
    download_segmentation_image_file = delegate("segmentations", Segmentations.download_image_file)
    upload_segmentation_image = delegate("segmentations", Segmentations.upload_image)
    upload_segmentation_image_file = delegate("segmentations", Segmentations.upload_image_file)
    get_segmentation_layers = delegate("segmentations", Segmentations.get_layers)
    download_segmentation_tile = delegate("segmentations", Segmentations.download_tile)
    download_labeled_tile = delegate("segmentations", Segmentations.download_labeled_tile)

    download_workflow_description = delegate("workflow", Workflow.download_description)
    download_workflow_description_file = delegate("workflow", Workflow.download_description_file)
    upload_workflow_description = delegate("workflow", Workflow.upload_description)
    upload_workflow_description_file = delegate("workflow", Workflow.upload_description_file)
    submit_workflow = delegate("workflow", Workflow.submit)
    resubmit_workflow = delegate("workflow", Workflow.resubmit)
    retry_workflow = delegate("workflow", Workflow.retry)
    kill_workflow = delegate("workflow", Workflow.kill)
    get_workflow_status = delegate("workflow", Workflow.get_status)
    get_workflow_jobs = delegate("workflow", Workflow.get_jobs)
    get_workflow_job_log = delegate("workflow", Workflow.get_job_log)

    download_jterator_project = delegate("jterator_project", JteratorProject.download)
    upload_jterator_project = delegate("jterator_project", JteratorProject.upload)
    download_jterator_project_files = delegate("jterator_project", JteratorProject.download_files)
    upload_jterator_project_files = delegate("jterator_project", JteratorProject.upload_files)

    get_tools = delegate("tools", Tools.list)
    request_tool = delegate("tools", Tools.request)
    wait_for_tool = delegate("tools", Tools.wait)
    get_tools_status = delegate("tools", Tools.get_jobs)
    get_tool_job_log = delegate("tools", Tools.get_job_log)
    kill_tool_job = delegate("tools", Tools.kill_job)

    get_tool_results = delegate("tool_results", ToolResults.list)
    rename_tool_result = delegate("tool_results", ToolResults.rename)
    delete_tool_result = delegate("tool_results", ToolResults.delete)
    compare_tool_results = delegate("tool_results", ToolResults.compare)
    download_tool_labels = delegate("tool_results", ToolResults.download_labels)
    download_tool_wells = delegate("tool_results", ToolResults.download_wells)

    get_tool_models = delegate("tool_models", ToolModels.list)
    download_tool_model = delegate("tool_models", ToolModels.download)
    upload_tool_model = delegate("tool_models", ToolModels.upload)
    rename_tool_model = delegate("tool_models", ToolModels.rename)
    delete_tool_model = delegate("tool_models", ToolModels.delete)

    get_profile = delegate("account", Account.get)
    update_profile = delegate("account", Account.update)
    change_password = delegate("account", Account.change_password)
    log_out = delegate("account", Account.log_out)

    get_tokens = delegate("tokens", Tokens.list)
    create_token = delegate("tokens", Tokens.create)
    delete_token = delegate("tokens", Tokens.delete)

    get_users = delegate("users", Users.list)
    create_user = delegate("users", Users.create)
    update_user = delegate("users", Users.update)
    delete_user = delegate("users", Users.delete)
