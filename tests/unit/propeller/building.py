"""Workflows for the engine's tests, built straight from protobufs and compiled by the real compiler."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flyteidl.admin import launch_plan_pb2
from flyteidl.core import (
    compiler_pb2,
    condition_pb2,
    identifier_pb2,
    interface_pb2,
    literals_pb2,
    tasks_pb2,
    types_pb2,
    workflow_pb2,
)
from google.protobuf import duration_pb2, wrappers_pb2

from sandbox.compiler import tasks as task_compiler
from sandbox.compiler import workflows as workflow_compiler
from sandbox.idl.identifiers import EntityId

INTEGER = types_pb2.LiteralType(simple=types_pb2.INTEGER)
ONE = interface_pb2.VariableMap(variables={"x": interface_pb2.Variable(type=INTEGER)})
INTERFACE = interface_pb2.TypedInterface(inputs=ONE, outputs=ONE)


def identifier(kind: int, name: str, version: str = "v1") -> identifier_pb2.Identifier:
    return identifier_pb2.Identifier(
        resource_type=kind, project="flytesnacks", domain="development", name=name, version=version
    )


def integer(value: int) -> literals_pb2.Literal:
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=literals_pb2.Primitive(integer=value)))


def task(
    name: str = "echo",
    *,
    type: str = "echo",
    retries: int = 0,
    cache: bool = False,
    serialise: bool = False,
    interface: interface_pb2.TypedInterface = INTERFACE,
    memory_limit: str = "",
) -> tasks_pb2.TaskTemplate:
    """A task from x to x."""
    template = tasks_pb2.TaskTemplate(
        id=identifier(identifier_pb2.TASK, name),
        type=type,
        interface=interface,
        metadata=tasks_pb2.TaskMetadata(
            retries=literals_pb2.RetryStrategy(retries=retries),
            discoverable=cache,
            discovery_version="1.0" if cache else "",
            cache_serializable=serialise,
            runtime=tasks_pb2.RuntimeMetadata(version="1", flavor="python"),
        ),
    )
    if type != "echo":
        template.container.image = "image:v1"
        template.container.args.extend(["true"])
        if memory_limit:
            entry = tasks_pb2.Resources.ResourceEntry(name=tasks_pb2.Resources.MEMORY, value=memory_limit)
            template.container.resources.limits.append(entry)
    return template


def promise(node: str, variable: str = "x") -> literals_pb2.BindingData:
    return literals_pb2.BindingData(promise=types_pb2.OutputReference(node_id=node, var=variable))


def bind(source: str | int) -> list[literals_pb2.Binding]:
    """x from another node's x, or a number."""
    if isinstance(source, int):
        data = literals_pb2.BindingData(scalar=integer(source).scalar)
    else:
        data = promise(source)
    return [literals_pb2.Binding(var="x", binding=data)]


def duration(seconds: float) -> duration_pb2.Duration:
    whole = duration_pb2.Duration()
    whole.FromMicroseconds(int(seconds * 1e6))
    return whole


def _node(
    node_id: str, source: str | int, after: Sequence[str], retries: int | None, timeout: float
) -> workflow_pb2.Node:
    metadata = workflow_pb2.NodeMetadata(name=node_id)
    if retries is not None:
        metadata.retries.retries = retries
    if timeout:
        metadata.timeout.CopyFrom(duration(timeout))
    return workflow_pb2.Node(id=node_id, metadata=metadata, inputs=bind(source), upstream_node_ids=after)


def run(
    node_id: str,
    source: str | int = "start-node",
    template: tasks_pb2.TaskTemplate | None = None,
    *,
    after: Sequence[str] = (),
    retries: int | None = None,
    timeout: float = 0,
) -> workflow_pb2.Node:
    """A task node."""
    node = _node(node_id, source, after, retries, timeout)
    node.task_node.reference_id.CopyFrom((template or task()).id)
    return node


def subworkflow(
    node_id: str, source: str | int, name: str, *, retries: int | None = None, timeout: float = 0
) -> workflow_pb2.Node:
    node = _node(node_id, source, (), retries, timeout)
    node.workflow_node.sub_workflow_ref.CopyFrom(identifier(identifier_pb2.WORKFLOW, name))
    return node


def launch_plan(
    node_id: str, source: str | int, name: str, *, retries: int | None = None, timeout: float = 0
) -> workflow_pb2.Node:
    node = _node(node_id, source, (), retries, timeout)
    node.workflow_node.launchplan_ref.CopyFrom(identifier(identifier_pb2.LAUNCH_PLAN, name))
    return node


def approve(node_id: str, source: str | int, signal: str = "", timeout: float = 0) -> workflow_pb2.Node:
    """A gate that passes x on once a person approved; the signal is called as the node is."""
    node = _node(node_id, source, (), None, timeout)
    node.gate_node.approve.signal_id = signal or node_id
    return node


def wait_for_input(
    node_id: str, signal: str = "", *, after: Sequence[str] = (), timeout: float = 0, retries: int = 0
) -> workflow_pb2.Node:
    """A gate whose x is given by a person."""
    node = _node(node_id, 0, after, retries, timeout)
    del node.inputs[:]
    node.gate_node.signal.signal_id = signal or node_id
    node.gate_node.signal.type.CopyFrom(INTEGER)
    node.gate_node.signal.output_variable_name = "x"
    return node


def sleep(
    node_id: str, seconds: float, *, after: Sequence[str] = (), timeout: float = 0
) -> workflow_pb2.Node:
    """A gate that waits for a time; it gives nothing."""
    node = _node(node_id, 0, after, None, timeout)
    del node.inputs[:]
    node.gate_node.sleep.duration.CopyFrom(duration(seconds))
    return node


XS = interface_pb2.VariableMap(
    variables={
        "x": interface_pb2.Variable(type=types_pb2.LiteralType(collection_type=INTEGER)),
    }
)


def mapped(name: str = "mapped", **more: Any) -> tasks_pb2.TaskTemplate:
    """A task as flytekit's `map_task` declares it: from a list of x to a list of x."""
    interface = interface_pb2.TypedInterface(inputs=XS, outputs=XS)
    return task(name, **{"interface": interface, **more})


def several(values: Sequence[int]) -> list[literals_pb2.Binding]:
    """x bound to a list of numbers."""
    items = [literals_pb2.BindingData(scalar=integer(value).scalar) for value in values]
    return bind_list(items)


def bind_list(items: Sequence[literals_pb2.BindingData]) -> list[literals_pb2.Binding]:
    collection = literals_pb2.BindingDataCollection(bindings=items)
    return [literals_pb2.Binding(var="x", binding=literals_pb2.BindingData(collection=collection))]


def array(
    node_id: str,
    inputs: Sequence[literals_pb2.Binding],
    template: tasks_pb2.TaskTemplate,
    *,
    after: Sequence[str] = (),
    **more: Any,
) -> workflow_pb2.Node:
    """An array node; `more` goes into `core.ArrayNode`."""
    inner = workflow_pb2.Node(id=template.id.name, inputs=inputs)
    inner.task_node.reference_id.CopyFrom(template.id)
    return workflow_pb2.Node(
        id=node_id,
        metadata=workflow_pb2.NodeMetadata(name=node_id),
        inputs=inputs,
        upstream_node_ids=after,
        array_node=workflow_pb2.ArrayNode(node=inner, **more),
    )


def array_of_plans(
    node_id: str, inputs: Sequence[literals_pb2.Binding], plan: str, *, after: Sequence[str] = (), **more: Any
) -> workflow_pb2.Node:
    """An array node over a launch plan, as flytekit's `array_node` makes it."""
    inner = workflow_pb2.Node(id=f"{node_id}-{plan}", inputs=inputs)
    inner.workflow_node.launchplan_ref.CopyFrom(identifier(identifier_pb2.LAUNCH_PLAN, plan))
    original = wrappers_pb2.BoolValue(value=True)
    return workflow_pb2.Node(
        id=node_id,
        metadata=workflow_pb2.NodeMetadata(name=node_id),
        inputs=inputs,
        upstream_node_ids=after,
        array_node=workflow_pb2.ArrayNode(node=inner, is_original_sub_node_interface=original, **more),
    )


def less_than(limit: int) -> condition_pb2.BooleanExpression:
    return condition_pb2.BooleanExpression(
        comparison=condition_pb2.ComparisonExpression(
            operator=condition_pb2.ComparisonExpression.LT,
            left_value=condition_pb2.Operand(var="x"),
            right_value=condition_pb2.Operand(primitive=literals_pb2.Primitive(integer=limit)),
        )
    )


def branch(
    node_id: str,
    source: str | int,
    cases: Sequence[tuple[int, workflow_pb2.Node]],
    otherwise: workflow_pb2.Node | str,
) -> workflow_pb2.Node:
    """A branch: `x < limit` takes the case's node; else a node, or an error's message."""
    blocks = [workflow_pb2.IfBlock(condition=less_than(limit), then_node=node) for limit, node in cases]
    block = workflow_pb2.IfElseBlock(case=blocks[0], other=blocks[1:])
    if isinstance(otherwise, str):
        block.error.CopyFrom(types_pb2.Error(failed_node_id=node_id, message=otherwise))
    else:
        block.else_node.CopyFrom(otherwise)
    node = _node(node_id, source, (), None, 0)
    node.branch_node.if_else.CopyFrom(block)
    return node


def workflow(
    name: str,
    nodes: Sequence[workflow_pb2.Node],
    result: str | int,
    *,
    fail_fast: bool = True,
    on_failure: workflow_pb2.Node | None = None,
) -> workflow_pb2.WorkflowTemplate:
    """A workflow from x to x."""
    policy = workflow_pb2.WorkflowMetadata.FAIL_IMMEDIATELY
    if not fail_fast:
        policy = workflow_pb2.WorkflowMetadata.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE
    template = workflow_pb2.WorkflowTemplate(
        id=identifier(identifier_pb2.WORKFLOW, name),
        metadata=workflow_pb2.WorkflowMetadata(on_failure=policy),
        metadata_defaults=workflow_pb2.WorkflowMetadataDefaults(),
        interface=INTERFACE,
        nodes=nodes,
        outputs=bind(result),
    )
    if on_failure is not None:
        template.failure_node.CopyFrom(on_failure)
    return template


def compile(
    template: workflow_pb2.WorkflowTemplate,
    tasks: Sequence[tasks_pb2.TaskTemplate] = (),
    subworkflows: Sequence[workflow_pb2.WorkflowTemplate] = (),
    plans: Sequence[str] = (),
) -> compiler_pb2.CompiledWorkflowClosure:
    """Through the real compiler."""
    compiled = {EntityId.from_proto(one.id): task_compiler.compile(one) for one in (task(), *tasks)}
    interfaces = {
        EntityId.from_proto(identifier(identifier_pb2.LAUNCH_PLAN, plan)): plan_closure() for plan in plans
    }
    needed = workflow_compiler.required(template, subworkflows)
    return workflow_compiler.compile(
        template,
        subworkflows,
        {entity: compiled[entity] for entity in needed.tasks},
        {entity: interfaces[entity] for entity in needed.launch_plans},
    )


def plan_closure() -> launch_plan_pb2.LaunchPlanClosure:
    """A launch plan that wants x and gives x."""
    expected = interface_pb2.ParameterMap(
        parameters={"x": interface_pb2.Parameter(var=interface_pb2.Variable(type=INTEGER), required=True)}
    )
    return launch_plan_pb2.LaunchPlanClosure(expected_inputs=expected, expected_outputs=ONE)
