"""Tasks are checked before they are registered; a lone task gets a workflow around it."""

from __future__ import annotations

import pytest
from flyteidl.core import identifier_pb2, tasks_pb2

from sandbox.compiler import single_task, tasks, workflows
from sandbox.compiler.errors import CompilationFailed, ErrorCode
from sandbox.idl.identifiers import EntityId
from tests.unit.compiler import build
from tests.unit.idl.kinds import INTEGER, STRING, LiteralType

CPU = tasks_pb2.Resources.CPU


def _codes(template: tasks_pb2.TaskTemplate) -> list[ErrorCode]:
    with pytest.raises(CompilationFailed) as caught:
        tasks.compile(template)
    return [error.code for error in caught.value.errors]


def test_a_good_task_is_wrapped_unchanged() -> None:
    assert tasks.compile(build.ADD).template == build.ADD


def test_a_container_needs_an_image_and_with_data_a_command() -> None:
    template = build.task("t", {"a": INTEGER})
    template.container.Clear()
    template.container.SetInParent()
    assert _codes(template) == [ErrorCode.VALUE_REQUIRED, ErrorCode.VALUE_REQUIRED]


def test_a_type_that_is_not_known_is_refused() -> None:
    assert _codes(build.task("t", {}, {"o0": LiteralType()})) == [ErrorCode.VALUE_REQUIRED]


def test_a_task_without_an_id_is_refused() -> None:
    template = build.task("t")
    template.ClearField("id")
    assert _codes(template) == [ErrorCode.VALUE_REQUIRED]


@pytest.mark.parametrize("amount", ["1", "500m", "0.5", "200Mi", "1Gi", "2e3", "1E", "+1", ".5", "1."])
def test_amounts_are_kubernetes_quantities(amount: str) -> None:
    template = build.task("t")
    template.container.resources.limits.add(name=CPU, value=amount)
    tasks.compile(template)


@pytest.mark.parametrize("amount", ["", "a lot", "1GB", "1 Gi", "Mi", "1e", "-"])
def test_other_amounts_are_refused(amount: str) -> None:
    template = build.task("t")
    template.container.resources.requests.add(name=CPU, value=amount)
    assert _codes(template) == [ErrorCode.UNRECOGNIZED_VALUE]


@pytest.mark.parametrize(
    ("name", "good"), [("primary-1", True), ("Primary", False), ("", False), ("-a", False)]
)
def test_containers_of_a_pod_have_dns_names(name: str, good: bool) -> None:
    template = build.task("t")
    template.k8s_pod.pod_spec.update({"containers": [{"name": name}]})
    if good:
        tasks.compile(template)
    else:
        assert _codes(template) == [ErrorCode.INVALID_VALUE]


def test_containers_of_a_pod_are_a_list() -> None:
    template = build.task("t")
    template.k8s_pod.pod_spec.update({"containers": "none"})
    assert _codes(template) == [ErrorCode.INVALID_VALUE]


def test_a_lone_task_gets_a_workflow_that_compiles() -> None:
    template = build.task("my.module.fit_it", {"a": INTEGER, "b": STRING}, {"o0": INTEGER, "o1": STRING})
    identity = EntityId.from_proto(template.id)
    made = single_task.workflow(template)
    closure = workflows.compile(made, [], {identity: tasks.compile(template)}, {})
    node = closure.primary.template.nodes[2]
    assert made.id.name == ".flytegen.my.module.fit_it"
    assert made.id.resource_type == identifier_pb2.WORKFLOW
    assert node.id == "mymodulefitit"
    assert node.metadata.retries.retries == 3
    assert [binding.binding.promise.node_id for binding in node.inputs] == ["start-node", "start-node"]
    assert closure.primary.connections.upstream["end-node"].ids == [node.id]


def test_a_lone_task_keeps_its_own_retries() -> None:
    template = build.task("t")
    template.metadata.retries.retries = 0
    assert single_task.workflow(template).nodes[0].metadata.retries.retries == 0


def test_the_launch_plan_of_a_lone_task_names_the_task() -> None:
    template = build.task("t", {"a": INTEGER})
    spec = single_task.launch_plan(template)
    identity = EntityId.from_proto(template.id)
    assert spec.workflow_id.name == "t"
    assert single_task.launch_plan_id(identity).name == ".flytegen.t"
    assert single_task.workflow_id(identity).version == "v"
