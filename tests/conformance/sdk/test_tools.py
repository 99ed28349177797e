"""`pyflyte` and `FlyteRemote`: what people do with them beside registering and launching."""

from __future__ import annotations

import re
import urllib.request
from datetime import datetime
from typing import Any

import pytest
from flytekit.models.filters import ValueIn

from tests.conformance.backends import DOMAIN, PROJECT, VERSION, Backend
from tests.conformance.cells import case
from tests.conformance.seen import Seen, fetch, fresh_name, run

PLACE = ("-p", PROJECT, "-d", DOMAIN)


def begun_by(backend: Backend, *arguments: str) -> Seen:
    """The execution that a `pyflyte` command tells of, at its end."""
    said = backend.pyflyte(*arguments)
    found = re.search(r"/executions/([a-z0-9-]+)|development:([a-z0-9-]+)", said)
    assert found, said
    return fetch(backend, found[1] or found[2]).ended()


@case()
@pytest.mark.parametrize(
    "target",
    [
        ("--remote", "projects/structures.py", "pairs"),
        ("--remote", "--env", "A=B", "projects/structures.py", "pair"),
        ("remote-task", f"projects.structures.pair:{VERSION}"),
        ("remote-workflow", f"projects.structures.pairs:{VERSION}"),
        ("remote-launchplan", f"projects.structures.pairs:{VERSION}"),
    ],
)
def test_pyflyte_runs_what_it_is_told(backend: Backend, target: tuple[str, ...]) -> None:
    seen = begun_by(backend, "run", *PLACE, *target, "--x", "3")
    expected = [3, 4] if "pair:" in target[-1] or target[-1] == "pair" else [3, 4, 3, 4]
    assert seen.output(kind=list[int]) == expected


@case()
def test_pyflyte_passes_on_how_to_run(backend: Backend) -> None:
    name = fresh_name()
    how = (
        "--name",
        name,
        "--tag",
        "mine",
        "--labels",
        "team=a",
        "--max-parallelism",
        "3",
        "--overwrite-cache",
    )
    seen = begun_by(backend, "run", *PLACE, "--remote", *how, "projects/structures.py", "pairs", "--x", "1")
    assert seen.name == name
    spec = seen.proto.spec
    assert (list(spec.tags), spec.max_parallelism, spec.overwrite_cache) == (["mine"], 3, True)
    assert spec.labels.values["team"] == "a"


@case()
def test_pyflyte_relaunches_and_fetches(backend: Backend) -> None:
    first = run(backend, "structures.pairs", x=5)
    again = begun_by(backend, "execution", *PLACE, "--execution-id", first.name, "relaunch")
    assert again.output(kind=list[int]) == [5, 6, 5, 6]
    assert again.proto.spec.metadata.reference_execution.name == first.name
    said = backend.pyflyte("fetch", f"flyte://v1/{PROJECT}/{DOMAIN}/{first.name}/n1/o")
    assert "[5, 6, 5, 6]" in said


@case()
def test_pyflyte_activates_and_deactivates_a_launch_plan(backend: Backend) -> None:
    name = "projects.structures.nested_bindings"
    remote = backend.remote()
    backend.pyflyte("launchplan", *PLACE, "--activate", name, VERSION)
    assert remote.fetch_active_launchplan(name=name).id.version == VERSION
    assert "ACTIVE" in backend.pyflyte("get", "launchplan", *PLACE, name)
    backend.pyflyte("launchplan", *PLACE, "--deactivate", name, VERSION)
    assert remote.fetch_active_launchplan(name=name) is None


@case()
def test_a_backfill_runs_the_plan_once_for_every_day(backend: Backend) -> None:
    dates = ("--from-date", "2024-01-01", "--to-date", "2024-01-04")
    seen = begun_by(backend, "backfill", *PLACE, *dates, "projects.structures.nightly", VERSION)
    assert seen.phase == "SUCCEEDED", seen.error
    nights = [node.child().output(kind=datetime) for node in seen.nodes()]
    assert sorted(night.day for night in nights) == [2, 3]  # the SDK leaves both ends out


@case()
def test_the_remote_lists_measures_and_leads_to_the_console(backend: Backend) -> None:
    remote = backend.remote()
    seen = run(backend, "structures.pairs", x=1)
    assert seen.name in [one.id.name for one in remote.recent_executions(PROJECT, DOMAIN, limit=100)]
    versions = {task.id.version for task in remote.list_tasks_by_version(VERSION, limit=5)}
    assert versions == {VERSION}
    measured = remote.get_execution_metrics(seen.execution.id, depth=5).to_flyte_idl()
    assert "TASK_RUNTIME" in operations(measured)
    for entity in (seen.execution, remote.fetch_workflow(name="projects.structures.pairs", version=VERSION)):
        with urllib.request.urlopen(remote.generate_console_url(entity)) as page:
            assert page.status == 200


def operations(span: Any) -> set[str]:
    """The names of what took time, at any depth."""
    return {span.operation_id}.union(*map(operations, span.spans))


@case()
def test_the_remote_runs_a_task_alone_and_its_tags_can_be_found(backend: Backend) -> None:
    remote = backend.remote()
    tag = fresh_name()
    task = remote.fetch_task(name="projects.structures.pair", version=VERSION)
    begun = remote.execute(task, inputs={"x": 1}, tags=[tag], execution_name_prefix="alone")
    seen = Seen(backend, begun).ended()
    assert seen.name.startswith("alone")
    assert seen.output(kind=list[int]) == [1, 2]
    from_tag = [each.id.name for each in tagged(backend, tag)]
    assert from_tag == [seen.name]


def tagged(backend: Backend, tag: str) -> list[Any]:
    """Executions with a tag, as the SDK asks for them."""
    found, _ = backend.remote().client.list_executions_paginated(
        PROJECT, DOMAIN, limit=10, filters=[ValueIn("admin_tag.name", [tag])]
    )
    return list(found)
