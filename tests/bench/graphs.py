"""Workflows of echo tasks, built straight from protobufs: the engine's bookkeeping and nothing else."""

from __future__ import annotations

from flyteidl.admin import launch_plan_pb2, task_pb2, workflow_pb2
from flyteidl.core import identifier_pb2, interface_pb2, literals_pb2, tasks_pb2, types_pb2
from flyteidl.core import workflow_pb2 as core

_INTEGER = types_pb2.LiteralType(simple=types_pb2.INTEGER)
_VARIABLES = interface_pb2.VariableMap(variables={"x": interface_pb2.Variable(type=_INTEGER)})
_INTERFACE = interface_pb2.TypedInterface(inputs=_VARIABLES, outputs=_VARIABLES)
LAYER = 50
"""How many nodes a layer has, unless it is to be a chain: layers of one."""


def name(nodes: int, width: int) -> str:
    """Of the workflow and its launch plan."""
    return f"bench.graph_{nodes}_by_{width}"


def identifier(kind: int, name: str, version: str) -> identifier_pb2.Identifier:
    return identifier_pb2.Identifier(
        resource_type=kind, project="flytesnacks", domain="development", name=name, version=version
    )


def echo_task(version: str) -> task_pb2.TaskCreateRequest:
    task_id = identifier(identifier_pb2.TASK, "bench.echo", version)
    template = tasks_pb2.TaskTemplate(
        id=task_id,
        type="echo",
        interface=_INTERFACE,
        metadata=tasks_pb2.TaskMetadata(
            runtime=tasks_pb2.RuntimeMetadata(
                type=tasks_pb2.RuntimeMetadata.FLYTE_SDK, version="1", flavor="python"
            )
        ),
    )
    return task_pb2.TaskCreateRequest(id=task_id, spec=task_pb2.TaskSpec(template=template))


def _node(index: int, width: int, task_id: identifier_pb2.Identifier) -> core.Node:
    source = types_pb2.OutputReference(node_id="start-node", var="x")
    if index >= width:
        source = types_pb2.OutputReference(node_id=f"n{index - width}", var="x")
    return core.Node(
        id=f"n{index}",
        metadata=core.NodeMetadata(name=f"n{index}"),
        inputs=[literals_pb2.Binding(var="x", binding=literals_pb2.BindingData(promise=source))],
        task_node=core.TaskNode(reference_id=task_id),
    )


def workflow(nodes: int, version: str, *, width: int = LAYER) -> workflow_pb2.WorkflowCreateRequest:
    """A graph of `nodes` echo tasks in layers: each depends on its neighbour in the layer above."""
    task_id = identifier(identifier_pb2.TASK, "bench.echo", version)
    workflow_id = identifier(identifier_pb2.WORKFLOW, name(nodes, width), version)
    last = types_pb2.OutputReference(node_id=f"n{nodes - 1}", var="x")
    template = core.WorkflowTemplate(
        id=workflow_id,
        metadata=core.WorkflowMetadata(),
        metadata_defaults=core.WorkflowMetadataDefaults(),
        interface=_INTERFACE,
        nodes=[_node(index, width, task_id) for index in range(nodes)],
        outputs=[literals_pb2.Binding(var="x", binding=literals_pb2.BindingData(promise=last))],
    )
    return workflow_pb2.WorkflowCreateRequest(
        id=workflow_id, spec=workflow_pb2.WorkflowSpec(template=template)
    )


def launch_plan(nodes: int, version: str, *, width: int = LAYER) -> launch_plan_pb2.LaunchPlanCreateRequest:
    workflow_id = identifier(identifier_pb2.WORKFLOW, name(nodes, width), version)
    plan_id = identifier(identifier_pb2.LAUNCH_PLAN, name(nodes, width), version)
    parameters = interface_pb2.ParameterMap(
        parameters={"x": interface_pb2.Parameter(var=interface_pb2.Variable(type=_INTEGER), required=True)}
    )
    spec = launch_plan_pb2.LaunchPlanSpec(workflow_id=workflow_id, default_inputs=parameters)
    return launch_plan_pb2.LaunchPlanCreateRequest(id=plan_id, spec=spec)
