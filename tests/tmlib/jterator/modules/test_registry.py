"""Every shipped module and its handles belong together."""

import pytest

from tmlib.jterator.checks import check_argument
from tmlib.jterator.descriptions import HandlesDescription
from tmlib.jterator.errors import PipelineDescriptionError
from tmlib.jterator.modules import registry


def test_modules_of_the_default_pipeline_are_there() -> None:
    assert {
        "smooth",
        "threshold_otsu",
        "threshold_adaptive",
        "fill",
        "label",
        "filter",
        "separate_clumps",
        "segment_secondary",
        "register_objects",
        "measure_intensity",
        "measure_morphology",
    } <= set(registry.names())


@pytest.mark.parametrize("name", registry.names())
def test_handles_name_explain_and_type_all_arguments_and_results(name: str) -> None:
    module = registry.get(name)
    handles = HandlesDescription.model_validate(dict(module.handles))
    assert handles.version == module.version
    assert {handle.name for handle in handles.input} == module.arguments
    results = module.annotations["return"]._fields
    assert tuple(handle.name for handle in handles.output) == results
    for handle in handles.input:
        if not handle.is_pipe:
            check_argument(handle.name, handle.value, module.annotations[handle.name])
        if handle.options:
            assert handle.value in handle.options
            for option in handle.options:
                check_argument(handle.name, option, module.annotations[handle.name])
    for description in [*module.handles["input"], *module.handles["output"]]:
        assert description["help"].strip()
    assert module.main.__doc__


def test_unknown_module_is_refused_with_the_closest_name() -> None:
    with pytest.raises(PipelineDescriptionError, match='did you mean "threshold_otsu"'):
        registry.get("threshold_otsus")
    with pytest.raises(PipelineDescriptionError, match="registry"):
        registry.get("registry")
