"""What a Flyte user says about how tasks run, and whether it is so."""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flyteidl.admin import common_pb2, execution_pb2, node_execution_pb2, task_execution_pb2
from flyteidl.core import catalog_pb2, identifier_pb2, literals_pb2, security_pb2
from flyteidl.core import execution_pb2 as core_execution
from flytekit.remote import FlyteRemote, FlyteWorkflowExecution

from tests.acceptance.engine.conftest import VERSION
from tests.sandboxes import DOMAIN, PROJECT, Client, ExecutionProto, Sandbox

pytestmark = pytest.mark.filterwarnings("ignore")

Phase = core_execution.WorkflowExecution.Phase
NodePhase = core_execution.NodeExecution.Phase
TaskPhase = core_execution.TaskExecution.Phase


def run(remote: FlyteRemote, workflow: str, /, **inputs: Any) -> FlyteWorkflowExecution:
    """Execute `workflows.control.WORKFLOW` and wait for its end, whatever it is."""
    plan = remote.fetch_launch_plan(name=f"workflows.control.{workflow}", version=VERSION)
    execution = remote.execute(plan, inputs=inputs)
    return remote.wait(execution, timeout=timedelta(seconds=90), poll_interval=timedelta(milliseconds=50))


def output(execution: FlyteWorkflowExecution, kind: type[Any]) -> Any:
    """The single output, after a success."""
    assert execution.closure.phase == Phase.SUCCEEDED, execution.error
    return execution.outputs.get("o0", as_type=kind)


def node(client: Client, execution: FlyteWorkflowExecution) -> node_execution_pb2.NodeExecution:
    """The node n0, as admin shows it."""
    return client.admin.GetNodeExecution(node_execution_pb2.NodeExecutionGetRequest(id=_node_id(execution)))


def attempts(client: Client, execution: FlyteWorkflowExecution) -> list[task_execution_pb2.TaskExecution]:
    """The attempts of n0, in order."""
    found = client.admin.ListTaskExecutions(
        task_execution_pb2.TaskExecutionListRequest(node_execution_id=_node_id(execution), limit=10)
    ).task_executions
    return sorted(found, key=lambda attempt: attempt.id.retry_attempt)


def _node_id(execution: FlyteWorkflowExecution) -> identifier_pb2.NodeExecutionIdentifier:
    return identifier_pb2.NodeExecutionIdentifier(node_id="n0", execution_id=execution.id.to_flyte_idl())


def test_retries_of_an_override_and_its_name(remote: FlyteRemote, client: Client, journal: Path) -> None:
    execution = run(remote, "stumbles_twice", journal=str(journal))
    assert output(execution, str) == "2"
    assert journal.read_text().split("\n")[:-1] == ["attempt 0", "attempt 1", "attempt 2"]
    plan = remote.fetch_workflow(name="workflows.control.stumbles_twice", version=VERSION)
    assert plan.template.nodes[0].metadata.name == "a name of its own"
    assert [attempt.closure.phase for attempt in attempts(client, execution)] == [
        TaskPhase.FAILED,
        TaskPhase.FAILED,
        TaskPhase.SUCCEEDED,
    ]


def test_a_retry_reads_what_the_attempt_before_it_wrote_and_leaves_a_deck(
    remote: FlyteRemote, client: Client, journal: Path
) -> None:
    execution = run(remote, "counts_to_nine", journal=str(journal))
    assert output(execution, int) == 9
    assert journal.read_text().split("\n")[:-1] == ["from 0", "from 3", "from 6"]
    shown = node(client, execution).closure
    assert shown.deck_uri.endswith("/n0/data/2/deck.html")


def test_a_task_over_its_timeout_is_ended(remote: FlyteRemote, client: Client, journal: Path) -> None:
    execution = run(remote, "runs_too_long", journal=str(journal))
    assert execution.closure.phase == Phase.FAILED
    assert "TimeoutExpired" in execution.error.code
    assert journal.read_text() == "start\n"
    [attempt] = attempts(client, execution)
    assert attempt.closure.phase == TaskPhase.FAILED
    assert attempt.closure.duration.ToTimedelta() < timedelta(seconds=20)


def test_a_timeout_of_an_override_takes_the_place_of_the_tasks(remote: FlyteRemote, journal: Path) -> None:
    assert output(run(remote, "has_time_enough", journal=str(journal)), str) == "in time"


def test_interruptions_are_survived_where_it_is_safe_in_the_end(
    remote: FlyteRemote, client: Client, journal: Path
) -> None:
    execution = run(remote, "survives_interruptions", journal=str(journal))
    assert output(execution, str) == "false"
    assert journal.read_text().split() == ["true", "true", "true", "false"]
    shown = attempts(client, execution)
    assert [attempt.closure.metadata.instance_class for attempt in shown] == [1, 1, 1, 0]
    assert shown[0].closure.error.kind == core_execution.ExecutionError.SYSTEM
    assert "another attempt begins in 0.5 s" in shown[0].closure.reason


def test_caching_that_an_override_asks_for(remote: FlyteRemote, client: Client, journal: Path) -> None:
    seed = os.getpid()
    for _ in range(2):
        execution = run(remote, "computes_once", journal=str(journal), x=seed)
        assert output(execution, int) == seed * seed
    assert journal.read_text() == f"computed {seed}\n"
    assert node(client, execution).closure.task_node_metadata.cache_status == catalog_pb2.CACHE_HIT


def test_resources_of_an_override_are_what_the_attempt_is_measured_by(
    remote: FlyteRemote, client: Client
) -> None:
    execution = run(remote, "uses_memory_that_is_granted", mebibytes=200)
    assert output(execution, int) == 200 << 20
    [attempt] = attempts(client, execution)
    assert attempt.closure.custom_info["memory_limit_bytes"] == 2 << 30
    assert "would kill this" not in attempt.closure.reason


def test_an_overriding_image_chooses_another_environment(sandbox: Sandbox, remote: FlyteRemote) -> None:
    usual = output(run(remote, "runs_elsewhere"), str)  # nobody built it: the project's own
    other = sandbox.folder / "elsewhere"
    other.mkdir()
    (other / "bin").mkdir()
    (other / "bin" / "python").symlink_to(os.path.realpath(sys.executable))
    (other / "pyvenv.cfg").write_text((Path(sys.prefix) / "pyvenv.cfg").read_text())
    (other / "lib").symlink_to(Path(sys.prefix) / "lib")
    folder = sandbox.folder / "sandboxes" / sandbox.name / "images" / "elsewhere%3Av1"
    folder.mkdir(parents=True)
    default = json.loads((folder.parent / "default" / "environment.json").read_text())
    document = {**default, "tag": "elsewhere:v1", "python": str(other / "bin" / "python")}
    (folder / "environment.json").write_text(json.dumps(document))
    assert output(run(remote, "runs_elsewhere"), str) == f"{other}/bin/python" != usual


def test_what_an_execution_is_asked_to_carry_is_seen_everywhere(client: Client, remote: FlyteRemote) -> None:
    """Labels, annotations, environment, interruptible, raw output prefix, parallelism, service account."""
    plan = identifier_pb2.Identifier(
        resource_type=identifier_pb2.LAUNCH_PLAN,
        project=PROJECT,
        domain=DOMAIN,
        name="workflows.control.sees_environment",
        version=VERSION,
    )
    spec = execution_pb2.ExecutionSpec(
        launch_plan=plan,
        labels=common_pb2.Labels(values={"team": "red"}),
        annotations=common_pb2.Annotations(values={"note": "kept"}),
        envs=common_pb2.Envs(values=[literals_pb2.KeyValuePair(key="COLOUR", value="red")]),
        max_parallelism=3,
        raw_output_data_config=common_pb2.RawOutputDataConfig(
            output_location_prefix="s3://my-s3-bucket/elsewhere"
        ),
        security_context=security_pb2.SecurityContext(
            run_as=security_pb2.Identity(k8s_service_account="robot")
        ),
    )
    spec.interruptible.value = True
    names = ["COLOUR", "FLYTE_INTERRUPTIBLE", "FLYTE_INTERNAL_EXECUTION_WORKFLOW"]
    execution = client.admin.CreateExecution(
        execution_pb2.ExecutionCreateRequest(
            project=PROJECT, domain=DOMAIN, spec=spec, inputs=strings(names=names)
        )
    ).id
    found = client.wait(execution)
    assert found.closure.phase == Phase.SUCCEEDED, found.closure.error
    assert [value.scalar.primitive.string_value for value in _list(client, execution)] == [
        "red",
        "true",
        f"{PROJECT}:{DOMAIN}:workflows.control.sees_environment",
    ]
    shown = found.spec
    assert (shown.max_parallelism, shown.interruptible.value) == (3, True)
    assert (dict(shown.labels.values), dict(shown.annotations.values)) == ({"team": "red"}, {"note": "kept"})
    assert shown.security_context.run_as.k8s_service_account == "robot"


def _list(client: Client, execution: ExecutionProto) -> list[literals_pb2.Literal]:
    return list(client.outputs(execution)["o0"].collection.literals)


def strings(**lists: list[str]) -> literals_pb2.LiteralMap:
    """A literal map of lists of strings."""
    return literals_pb2.LiteralMap(
        literals={
            name: literals_pb2.Literal(
                collection=literals_pb2.LiteralCollection(
                    literals=[
                        literals_pb2.Literal(
                            scalar=literals_pb2.Scalar(primitive=literals_pb2.Primitive(string_value=value))
                        )
                        for value in values
                    ]
                )
            )
            for name, values in lists.items()
        }
    )
