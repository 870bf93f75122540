"""Pipelines to start from, over HTTP."""

from tests.tmserver.conftest import Person


def test_a_pipeline_is_made_from_a_template(owner: Person, experiment: str) -> None:
    templates = {one["name"]: one for one in owner.get("/api/pipeline_templates")}
    assert list(templates) == ["nuclei", "nuclei_and_cells", "spots_in_cells"]
    roles = [channel["role"] for channel in templates["spots_in_cells"]["channels"]]
    channels = {role: f"channel of {role}" for role in roles}
    address = "/api/pipeline_templates/spots_in_cells"
    project = owner.get(address, **channels, nucleus_diameter=20)
    inputs = project["pipeline"]["input"]["channels"]
    assert [channel["name"] for channel in inputs] == list(channels.values())
    assert owner.get(address, **channels) != project
    owner.put(f"{experiment}/workflow/jtproject", **project)
    assert owner.get(f"{experiment}/workflow/jtproject") == project


def test_what_makes_no_pipeline(owner: Person) -> None:
    address = "/api/pipeline_templates/nuclei"
    assert "needs channels for nuclei" in owner.refused("GET", f"{address}?cells=DNA", 400)
    assert "no template" in owner.refused("GET", f"{address}s?nuclei=DNA", 404)
