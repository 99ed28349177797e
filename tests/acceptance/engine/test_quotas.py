"""Quotas and priorities as a user and an administrator meet them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from flyteidl.admin import (
    execution_pb2,
    matchable_resource_pb2,
    node_execution_pb2,
    project_domain_attributes_pb2,
    task_execution_pb2,
)
from flyteidl.core import execution_pb2 as core_execution
from flyteidl.core import identifier_pb2, literals_pb2

from tests.acceptance.engine.conftest import VERSION
from tests.sandboxes import DOMAIN, PROJECT, Client, ExecutionProto, Sandbox
from tests.waiting import eventually

pytestmark = pytest.mark.filterwarnings("ignore")

Phase = core_execution.WorkflowExecution.Phase
NodePhase = core_execution.NodeExecution.Phase
TaskPhase = core_execution.TaskExecution.Phase
Quality = core_execution.QualityOfService


@pytest.fixture
def quota(sandbox: Sandbox) -> Iterator[Sandbox]:
    """A sandbox whose quotas are gone afterwards."""
    yield sandbox
    sandbox.run("quota", "delete", "--name", sandbox.name, check=False)


def scalar(value: str | float) -> literals_pb2.Literal:
    primitive = literals_pb2.Primitive()
    if isinstance(value, str):
        primitive.string_value = value
    else:
        primitive.float_value = value
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=primitive))


def launch(
    client: Client, workflow: str, quality: Quality | None = None, /, **inputs: str | float
) -> ExecutionProto:
    """Create an execution of `workflows.control.WORKFLOW`."""
    plan = identifier_pb2.Identifier(
        resource_type=identifier_pb2.LAUNCH_PLAN,
        project=PROJECT,
        domain=DOMAIN,
        name=f"workflows.control.{workflow}",
        version=VERSION,
    )
    literals = literals_pb2.LiteralMap(literals={name: scalar(value) for name, value in inputs.items()})
    spec = execution_pb2.ExecutionSpec(launch_plan=plan, quality_of_service=quality)
    request = execution_pb2.ExecutionCreateRequest(project=PROJECT, domain=DOMAIN, spec=spec, inputs=literals)
    return client.admin.CreateExecution(request).id


def most_at_once(journal: Path) -> int:
    """How many `linger` tasks overlapped, at most."""
    most = now = 0
    for line in journal.read_text().splitlines():
        now += 1 if line.startswith("start") else -1
        most = max(most, now)
    return most


def waiting_reasons(client: Client, execution: ExecutionProto) -> list[str]:
    """Why attempts of the execution wait for resources."""
    nodes = client.admin.ListNodeExecutions(
        node_execution_pb2.NodeExecutionListRequest(workflow_execution_id=execution, limit=100)
    ).node_executions
    attempts = [
        attempt
        for node in nodes
        for attempt in client.admin.ListTaskExecutions(
            task_execution_pb2.TaskExecutionListRequest(node_execution_id=node.id, limit=10)
        ).task_executions
    ]
    return [
        attempt.closure.reason
        for attempt in attempts
        if attempt.closure.phase == TaskPhase.WAITING_FOR_RESOURCES
    ]


def test_a_crowd_keeps_to_the_quota_and_says_why_it_waits(
    quota: Sandbox, client: Client, journal: Path
) -> None:
    set_ = quota.run("quota", "set", "--tasks", "2", "--name", quota.name).stdout
    assert set_ == f"The quota of {PROJECT}/{DOMAIN} is tasks 2.\n"
    listed = quota.run("quota", "list", "--name", quota.name, "-o", "json").stdout
    assert json.loads(listed) == [{"project": PROJECT, "domain": DOMAIN, "tasks": "2"}]
    execution = launch(client, "crowd", journal=str(journal), seconds=0.3)
    reasons = eventually(lambda: waiting_reasons(client, execution), timeout=30)
    assert f"the quota of {PROJECT}/{DOMAIN} is 2 tasks at once, of which 2 are taken" in reasons[0]
    found = client.wait(execution, timeout=90)
    assert found.closure.phase == Phase.SUCCEEDED, found.closure.error
    assert most_at_once(journal) == 2
    assert len(journal.read_text().splitlines()) == 24


def test_a_quota_survives_the_death_of_the_control_plane_and_its_end_is_heard_at_once(
    quota: Sandbox, client: Client, journal: Path
) -> None:
    quota.run("quota", "set", "--tasks", "1", "--name", quota.name)
    execution = launch(client, "crowd", journal=str(journal), seconds=0.2)
    eventually(lambda: "end" in journal.read_text(), timeout=30)
    quota.kill("control-plane")
    quota.start()
    seen = journal.read_text().count("end")
    eventually(lambda: journal.read_text().count("end") >= seen + 2, timeout=30)
    assert most_at_once(journal) == 1
    quota.run("quota", "delete", "--name", quota.name)
    found = client.wait(execution, timeout=90, interval=0.1)
    assert found.closure.phase == Phase.SUCCEEDED, found.closure.error
    assert most_at_once(journal) > 1
    assert len(journal.read_text().splitlines()) == 24


def test_a_task_that_waits_longer_than_twice_its_timeout_is_timed_out(
    quota: Sandbox, client: Client, journal: Path
) -> None:
    quota.run("quota", "set", "--tasks", "0", "--name", quota.name)
    begun = time.monotonic()
    execution = launch(client, "runs_too_long", journal=str(journal))
    found = client.wait(execution)
    assert 2 <= time.monotonic() - begun < 20
    assert found.closure.phase == Phase.FAILED
    assert found.closure.error.message == "task active timeout [2s] expired"
    node = identifier_pb2.NodeExecutionIdentifier(node_id="n0", execution_id=execution)
    shown = client.admin.GetNodeExecution(node_execution_pb2.NodeExecutionGetRequest(id=node))
    assert shown.closure.phase == NodePhase.TIMED_OUT
    assert journal.read_text() == ""


def test_in_a_full_runner_the_urgent_overtakes_what_can_wait(client: Client, journal: Path) -> None:
    low, high = Quality(tier=Quality.LOW), Quality(tier=Quality.HIGH)
    blockers = [
        launch(client, "lingers", high, journal=str(journal), name=f"blocker{n}", seconds=4.0)
        for n in range(8)
    ]
    eventually(lambda: journal.read_text().count("start blocker") >= 4, timeout=30)
    waiting = [
        launch(client, "lingers", low, journal=str(journal), name=f"low{n}", seconds=0.01) for n in range(8)
    ]
    waiting.append(launch(client, "lingers", high, journal=str(journal), name="high", seconds=0.01))
    for execution in blockers + waiting:
        assert client.wait(execution, timeout=90, interval=0.05).closure.phase == Phase.SUCCEEDED
    order = [line.split()[1] for line in journal.read_text().splitlines() if line.startswith("start")]
    behind = [name for name in order if not name.startswith("blocker")]
    # It came last; a full runner may have started one or two while it was on its way.
    assert behind.index("high") <= 3


def test_attributes_that_can_not_be_a_quota_are_refused(quota: Sandbox, client: Client) -> None:
    matching = matchable_resource_pb2.MatchingAttributes(
        cluster_resource_attributes=matchable_resource_pb2.ClusterResourceAttributes(
            attributes={"projectQuotaTasks": "many"}
        )
    )
    request = project_domain_attributes_pb2.ProjectDomainAttributesUpdateRequest(
        attributes=project_domain_attributes_pb2.ProjectDomainAttributes(
            project=PROJECT, domain=DOMAIN, matching_attributes=matching
        )
    )
    with pytest.raises(grpc.RpcError) as refused:
        client.admin.UpdateProjectDomainAttributes(request)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "projectQuotaTasks" in refused.value.details()
    for words in (("set", "--memory", "lots"), ("set", "--tasks", "1", "-p", "nowhere"), ("delete",)):
        done = quota.run("quota", *words, "--name", quota.name, check=False)
        assert done.returncode == 1
        assert "Remedy" in done.stderr
        assert "Traceback" not in done.stderr
    assert quota.run("quota", "list", "--name", quota.name).stdout == "No quotas are set.\n"


def test_other_attributes_of_the_project_stay(quota: Sandbox, client: Client) -> None:
    scope = {"project": PROJECT, "domain": DOMAIN}
    matching = matchable_resource_pb2.MatchingAttributes(
        cluster_resource_attributes=matchable_resource_pb2.ClusterResourceAttributes(attributes={"a": "b"})
    )
    client.admin.UpdateProjectDomainAttributes(
        project_domain_attributes_pb2.ProjectDomainAttributesUpdateRequest(
            attributes=project_domain_attributes_pb2.ProjectDomainAttributes(
                **scope, matching_attributes=matching
            )
        )
    )
    quota.run("quota", "set", "--cpu", "64", "--name", quota.name)
    quota.run("quota", "delete", "--name", quota.name)
    found = client.admin.GetProjectDomainAttributes(
        project_domain_attributes_pb2.ProjectDomainAttributesGetRequest(
            **scope, resource_type=matchable_resource_pb2.CLUSTER_RESOURCE
        )
    ).attributes.matching_attributes.cluster_resource_attributes
    assert dict(found.attributes) == {"a": "b"}
    client.admin.DeleteProjectDomainAttributes(
        project_domain_attributes_pb2.ProjectDomainAttributesDeleteRequest(
            **scope, resource_type=matchable_resource_pb2.CLUSTER_RESOURCE
        )
    )
