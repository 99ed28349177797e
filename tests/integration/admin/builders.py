"""Requests as flytekit would send them, small."""

from __future__ import annotations

from collections.abc import Mapping

from flyteidl.admin import execution_pb2, launch_plan_pb2, task_pb2, workflow_pb2
from flyteidl.core import (
    identifier_pb2,
    interface_pb2,
    literals_pb2,
    tasks_pb2,
    types_pb2,
)
from flyteidl.core import workflow_pb2 as core_workflow_pb2

PROJECT = "flytesnacks"
DOMAIN = "development"
INTEGER = types_pb2.LiteralType(simple=types_pb2.INTEGER)
STRING = types_pb2.LiteralType(simple=types_pb2.STRING)
Types = Mapping[str, types_pb2.LiteralType]


def identifier(
    kind: int, name: str, version: str = "v1", project: str = PROJECT, domain: str = DOMAIN
) -> identifier_pb2.Identifier:
    """A registered thing's name."""
    return identifier_pb2.Identifier(
        resource_type=kind, project=project, domain=domain, name=name, version=version
    )


def task_id(name: str = "increment", version: str = "v1") -> identifier_pb2.Identifier:
    """A task's name."""
    return identifier(identifier_pb2.TASK, name, version)


def workflow_id(name: str = "flow", version: str = "v1") -> identifier_pb2.Identifier:
    """A workflow's name."""
    return identifier(identifier_pb2.WORKFLOW, name, version)


def launch_plan_id(name: str = "flow", version: str = "v1") -> identifier_pb2.Identifier:
    """A launch plan's name."""
    return identifier(identifier_pb2.LAUNCH_PLAN, name, version)


def interface(inputs: Types, outputs: Types) -> interface_pb2.TypedInterface:
    """Inputs and outputs by name."""
    return interface_pb2.TypedInterface(inputs=_variables(inputs), outputs=_variables(outputs))


def _variables(types: Types) -> interface_pb2.VariableMap:
    variables = {name: interface_pb2.Variable(type=kind) for name, kind in types.items()}
    return interface_pb2.VariableMap(variables=variables)


def task(
    name: str = "increment",
    version: str = "v1",
    *,
    inputs: Types | None = None,
    outputs: Types | None = None,
    image: str = "flytekit:latest",
) -> task_pb2.TaskCreateRequest:
    """A python task, of an integer to an integer unless said otherwise."""
    template = tasks_pb2.TaskTemplate(
        id=task_id(name, version),
        type="python-task",
        metadata=tasks_pb2.TaskMetadata(
            runtime=tasks_pb2.RuntimeMetadata(type="FLYTE_SDK", version="1.16.0", flavor="python")
        ),
        interface=interface({"x": INTEGER} if inputs is None else inputs, outputs or {"o0": INTEGER}),
        container=tasks_pb2.Container(image=image, args=["pyflyte-execute"]),
    )
    return task_pb2.TaskCreateRequest(id=task_id(name, version), spec=task_pb2.TaskSpec(template=template))


def promise(variable: str, node: str, output: str) -> literals_pb2.Binding:
    """Bind an input to another node's output, or (with no node) to the workflow's input."""
    reference = types_pb2.OutputReference(node_id=node, var=output)
    return literals_pb2.Binding(var=variable, binding=literals_pb2.BindingData(promise=reference))


def node(
    node_id: str, reference: identifier_pb2.Identifier, *bindings: literals_pb2.Binding
) -> core_workflow_pb2.Node:
    """A node that runs a task or a launch plan."""
    upstream = sorted({b.binding.promise.node_id for b in bindings} - {""})
    proto = core_workflow_pb2.Node(
        id=node_id,
        metadata=core_workflow_pb2.NodeMetadata(name=node_id),
        inputs=bindings,
        upstream_node_ids=upstream,
    )
    if reference.resource_type == identifier_pb2.LAUNCH_PLAN:
        proto.workflow_node.launchplan_ref.CopyFrom(reference)
    else:
        proto.task_node.reference_id.CopyFrom(reference)
    return proto


def workflow(
    name: str = "flow",
    version: str = "v1",
    *,
    nodes: list[core_workflow_pb2.Node] | None = None,
    inputs: Types | None = None,
) -> workflow_pb2.WorkflowCreateRequest:
    """Two increments in a row, unless said otherwise; the last node's `o0` is the output."""
    if nodes is None:
        nodes = [
            node("n0", task_id(version=version), promise("x", "", "x")),
            node("n1", task_id(version=version), promise("x", "n0", "o0")),
        ]
    template = core_workflow_pb2.WorkflowTemplate(
        id=workflow_id(name, version),
        interface=interface({"x": INTEGER} if inputs is None else inputs, {"o0": INTEGER}),
        nodes=nodes,
        outputs=[promise("o0", nodes[-1].id, "o0")],
    )
    return workflow_pb2.WorkflowCreateRequest(
        id=workflow_id(name, version), spec=workflow_pb2.WorkflowSpec(template=template)
    )


def launch_plan(
    name: str = "flow", version: str = "v1", *, fixed: literals_pb2.LiteralMap | None = None
) -> launch_plan_pb2.LaunchPlanCreateRequest:
    """The workflow's default plan."""
    spec = launch_plan_pb2.LaunchPlanSpec(
        workflow_id=workflow_id("flow", version), fixed_inputs=fixed, default_inputs={}
    )
    return launch_plan_pb2.LaunchPlanCreateRequest(id=launch_plan_id(name, version), spec=spec)


def integer(value: int) -> literals_pb2.Literal:
    """An integer."""
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=literals_pb2.Primitive(integer=value)))


def string(value: str) -> literals_pb2.Literal:
    """A string."""
    return literals_pb2.Literal(
        scalar=literals_pb2.Scalar(primitive=literals_pb2.Primitive(string_value=value))
    )


def literal_map(**literals: literals_pb2.Literal) -> literals_pb2.LiteralMap:
    """Values by name."""
    return literals_pb2.LiteralMap(literals=literals)


def execution(
    name: str = "",
    *,
    launch: identifier_pb2.Identifier | None = None,
    inputs: literals_pb2.LiteralMap | None = None,
    project: str = PROJECT,
    domain: str = DOMAIN,
    **spec: object,
) -> execution_pb2.ExecutionCreateRequest:
    """Run the default plan with x = 1, unless said otherwise."""
    return execution_pb2.ExecutionCreateRequest(
        project=project,
        domain=domain,
        name=name,
        spec=execution_pb2.ExecutionSpec(launch_plan=launch or launch_plan_id(), **spec),
        inputs=literal_map(x=integer(1)) if inputs is None else inputs,
    )


def execution_id(name: str) -> identifier_pb2.WorkflowExecutionIdentifier:
    """An execution's name."""
    return identifier_pb2.WorkflowExecutionIdentifier(project=PROJECT, domain=DOMAIN, name=name)
