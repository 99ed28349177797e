"""Short ways to write tasks, nodes and workflows by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flyteidl.core import (
    compiler_pb2,
    condition_pb2,
    identifier_pb2,
    interface_pb2,
    literals_pb2,
    tasks_pb2,
    workflow_pb2,
)

from sandbox.compiler import workflows
from sandbox.idl import interfaces, literals
from sandbox.idl.identifiers import EntityId
from tests.unit.idl.kinds import INTEGER, LiteralType

Kinds = Mapping[str, LiteralType]


def identifier(name: str, resource_type: int = identifier_pb2.TASK) -> identifier_pb2.Identifier:
    return identifier_pb2.Identifier(
        resource_type=resource_type, project="p", domain="d", name=name, version="v"
    )


def interface(inputs: Kinds, outputs: Kinds) -> interface_pb2.TypedInterface:
    def variables(kinds: Kinds) -> dict[str, interface_pb2.Variable]:
        return {name: interface_pb2.Variable(type=kind) for name, kind in kinds.items()}

    return interfaces.typed(variables(inputs), variables(outputs))


def task(name: str, inputs: Kinds | None = None, outputs: Kinds | None = None) -> tasks_pb2.TaskTemplate:
    return tasks_pb2.TaskTemplate(
        id=identifier(name),
        type="python-task",
        interface=interface(inputs or {}, outputs or {}),
        container=tasks_pb2.Container(image="default", args=["run"]),
    )


def data(value: Any) -> literals_pb2.BindingData:
    """A binding of a constant, of a promise, or of lists and maps of them."""
    match value:
        case literals_pb2.BindingData():
            return value
        case list():
            items = literals_pb2.BindingDataCollection(bindings=map(data, value))
            return literals_pb2.BindingData(collection=items)
        case dict():
            values = {key: data(item) for key, item in value.items()}
            return literals_pb2.BindingData(map=literals_pb2.BindingDataMap(bindings=values))
        case _:
            return literals_pb2.BindingData(scalar=literals.from_python(value).scalar)


def bind(bindings: Mapping[str, Any]) -> list[literals_pb2.Binding]:
    return [literals_pb2.Binding(var=name, binding=data(value)) for name, value in bindings.items()]


def node(
    node_id: str,
    runs: str | workflow_pb2.Node = "",
    inputs: Mapping[str, Any] | None = None,
    after: Iterable[str] = (),
) -> workflow_pb2.Node:
    """A node that runs the task `runs`, or whatever the node `runs` has as target."""
    made = workflow_pb2.Node(id=node_id, inputs=bind(inputs or {}), upstream_node_ids=after)
    if isinstance(runs, workflow_pb2.Node):
        made.MergeFrom(runs)
    elif runs:
        made.task_node.reference_id.CopyFrom(identifier(runs))
    return made


def runs_workflow(name: str) -> workflow_pb2.Node:
    reference = identifier(name, identifier_pb2.WORKFLOW)
    return workflow_pb2.Node(workflow_node=workflow_pb2.WorkflowNode(sub_workflow_ref=reference))


def runs_plan(name: str) -> workflow_pb2.Node:
    reference = identifier(name, identifier_pb2.LAUNCH_PLAN)
    return workflow_pb2.Node(workflow_node=workflow_pb2.WorkflowNode(launchplan_ref=reference))


def equals(left: str, right: Any) -> condition_pb2.BooleanExpression:
    return condition_pb2.BooleanExpression(
        comparison=condition_pb2.ComparisonExpression(
            left_value=condition_pb2.Operand(var=left),
            right_value=condition_pb2.Operand(primitive=literals.from_python(right).scalar.primitive),
        )
    )


def branch(
    *cases: tuple[condition_pb2.BooleanExpression, workflow_pb2.Node],
    otherwise: workflow_pb2.Node | str | None = "no case",
) -> workflow_pb2.Node:
    blocks = [workflow_pb2.IfBlock(condition=condition, then_node=then) for condition, then in cases]
    if_else = workflow_pb2.IfElseBlock(case=blocks[0] if blocks else None, other=blocks[1:])
    if isinstance(otherwise, workflow_pb2.Node):
        if_else.else_node.CopyFrom(otherwise)
    elif otherwise:
        if_else.error.message = otherwise
    return workflow_pb2.Node(branch_node=workflow_pb2.BranchNode(if_else=if_else))


def workflow(
    nodes: Sequence[workflow_pb2.Node],
    inputs: Kinds | None = None,
    outputs: Mapping[str, tuple[LiteralType, Any]] | None = None,
    name: str = "wf",
) -> workflow_pb2.WorkflowTemplate:
    """`outputs`: name → type and what is bound to it."""
    outputs = outputs or {}
    return workflow_pb2.WorkflowTemplate(
        id=identifier(name, identifier_pb2.WORKFLOW),
        interface=interface(inputs or {}, {key: kind for key, (kind, _) in outputs.items()}),
        nodes=nodes,
        outputs=bind({key: value for key, (_, value) in outputs.items()}),
    )


ADD = task("add", {"a": INTEGER}, {"o0": INTEGER})
NOTHING = task("nothing")


def compile(
    template: workflow_pb2.WorkflowTemplate,
    *,
    tasks: Sequence[tasks_pb2.TaskTemplate] = (ADD, NOTHING),
    subworkflows: Sequence[workflow_pb2.WorkflowTemplate] = (),
    plans: Mapping[str, Any] | None = None,
) -> compiler_pb2.CompiledWorkflowClosure:
    return workflows.compile(
        template,
        subworkflows,
        {EntityId.from_proto(item.id): compiler_pb2.CompiledTask(template=item) for item in tasks},
        {
            EntityId.from_proto(identifier(name, identifier_pb2.LAUNCH_PLAN)): plan
            for name, plan in (plans or {}).items()
        },
    )
