"""Tools."""

import json
from typing import Any

import click

from tmclient.commands.session import (
    ClientSession,
    pass_session,
    print_log,
    print_resources,
    print_table,
    resource_group,
)

tools = resource_group("tools", "Start tools, watch them, and look at their results.")


@tools.command("available")
@pass_session
def list_tools(session: ClientSession) -> None:
    """List the tools that the server has."""
    print_resources(session.client.tools.list(), name="name", description="description")


@tools.command("request")
@click.option("--tool", "tool_name", required=True, help="Name of the tool.")
@click.option("-o", "--object-type", "type_name", help="Type of the objects to analyse.")
@click.option("-f", "--feature", "features", multiple=True, help="Feature to use; may be repeated.")
@click.option("--payload", help="The tool's whole payload, as JSON.")
@click.option("--wait", is_flag=True, help="Wait for the result.")
@pass_session
def request_tool(
    session: ClientSession,
    tool_name: str,
    type_name: str | None,
    features: tuple[str, ...],
    payload: str | None,
    wait: bool,
) -> None:
    """Start a tool."""
    try:
        content = json.loads(payload or "{}")
    except ValueError as error:
        raise click.UsageError(f"--payload is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise click.UsageError('--payload must be a JSON object, {"n_clusters": 3} for example.')
    if type_name is not None:
        content["chosen_object_type"] = type_name
    if features:
        content |= _features(session, tool_name, features)
    submission_id = session.client.tools.request(tool_name, content)
    click.echo(f"Submission {submission_id}")
    if wait:
        result = session.client.tools.wait(submission_id)
        click.echo(f"Result {result['name']}")


@tools.command("ls")
@pass_session
def list_results(session: ClientSession) -> None:
    """List the results of tools."""
    print_resources(
        session.client.tool_results.list(),
        id="id",
        name="name",
        tool="tool_name",
        type="type",
        submission="submission_id",
    )


@tools.command("rename")
@click.option("-n", "--name", required=True, help="Its present name.")
@click.option("--new-name", required=True)
@pass_session
def rename_result(session: ClientSession, name: str, new_name: str) -> None:
    """Rename a result."""
    session.client.tool_results.rename(name, new_name)


@tools.command("save-as-table")
@click.option("-n", "--name", required=True, help="Name of the result.")
@click.option("--table", "table_name", required=True, help="Name of the new annotation table.")
@click.option("-d", "--description", default="", help="What the table is for.")
@click.option("--tpoint", type=int, help="Time point of the labels, if there are several.")
@click.option("--wait", is_flag=True, help="Wait until the table is there.")
@pass_session
def save_result(
    session: ClientSession,
    name: str,
    table_name: str,
    description: str,
    tpoint: int | None,
    wait: bool,
) -> None:
    """Save the labels of a result as an annotation table."""
    saved = session.client.tool_results.save_as_table(
        name, table_name, tpoint=tpoint, wait=wait, description=description
    )
    click.echo(f"Submission {saved['submission_id']}")
    if wait:
        click.echo(f"{saved['n_rows']} rows entered")


@tools.command("rm")
@click.option("-n", "--name", required=True, help="Its name.")
@pass_session
def delete_result(session: ClientSession, name: str) -> None:
    """Delete a result."""
    session.client.tool_results.delete(name)


@tools.command("status")
@click.option("--tool", "tool_name", help="Only jobs of this tool.")
@pass_session
def show_status(session: ClientSession, tool_name: str | None) -> None:
    """Show the jobs of tools and their status."""
    columns = {
        "ID": "id",
        "Name": "name",
        "Submission": "submission_id",
        "Submitted": "submitted_at",
        "State": "state",
        "Exitcode": "exitcode",
        "Wall Time": "time",
        "CPU Time": "cpu_time",
        "Memory (MB)": "memory",
    }
    jobs = session.client.tools.get_jobs(tool_name)
    rows = [[job.get(key) for key in columns.values()] for job in jobs]
    print_table(list(columns), rows, ("Memory (MB)", "CPU Time", "ID"))


@tools.command("log")
@click.option("--name", required=True, help="Name of the job.")
@click.option("--submission", "submission_id", type=int, required=True)
@pass_session
def show_log(session: ClientSession, name: str, submission_id: int) -> None:
    """Show what a job of a tool printed."""
    print_log(session.client.tools.get_job_log(name, submission_id))


def _features(session: ClientSession, tool_name: str, features: tuple[str, ...]) -> dict[str, Any]:
    """The features as the tool expects them: some tools take a single one."""
    schemas = {tool["name"]: tool["payload_schema"] for tool in session.client.tools.list()}
    if "selected_feature" in schemas.get(tool_name, {}).get("properties", {}):
        return {"selected_feature": features[0]}
    return {"selected_features": list(features)}
