"""The static graph of a compiled workflow: what follows what, in dense indices.

A `ClosureGraph` is built once from a `CompiledWorkflowClosure` and shared by all executions of it. It holds
one `WorkflowGraph` for the primary workflow and one for each subworkflow template. The nodes of a template,
among them `start-node`, `end-node`, and the nodes that sit inside a branch node's cases, are numbered 0…n-1.
A node knows its successors and how many nodes it waits for, so that a finished node touches its successors
and nothing else.

Cases of a branch are nodes of the same template (their bindings refer to its nodes), but nobody waits for
them and they wait for nobody: the branch node waits for all that any of its cases needs, and starts the one
it takes.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flyteidl.core import compiler_pb2, literals_pb2, tasks_pb2, workflow_pb2

from sandbox.idl import paths
from sandbox.idl.identifiers import EntityId, NodeId
from sandbox.propeller.core import legacy_arrays


class BadGraph(ValueError):
    """The compiled closure contradicts itself: a node, task or subworkflow that it refers to is not in it."""


class NodeKind(enum.IntEnum):
    """What a node does when it runs."""

    START = 0
    END = 1
    TASK = 2
    SUBWORKFLOW = 3
    BRANCH = 4
    LAUNCH_PLAN = 5
    GATE = 6
    ARRAY = 7
    ELEMENT = 8
    """An element of an array node: not in any template, laid out once the array's length is known."""
    CHILD = 9
    """An element of an array node over a launch plan: an execution of its own."""


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A node of a template."""

    index: int
    node_id: NodeId
    kind: NodeKind
    proto: workflow_pb2.Node
    successors: tuple[int, ...] = ()
    dependencies: int = 0
    """How many different nodes it waits for."""
    cases: tuple[int, ...] = ()
    """A branch: the nodes of its cases in order, the else node last."""
    inner: bool = False
    """Whether it sits inside a branch node's case (or is the failure node): started by its owner only."""
    max_attempts: int = 1
    """How often user errors may end an attempt: retries + 1."""
    interruptible: bool | None = None
    """What the node itself says; None: the execution or the workflow decides."""
    timeout: int = 0
    """Microseconds that one attempt may take; 0: no limit."""
    task: tasks_pb2.TaskTemplate | None = None
    """What a task node runs."""
    subworkflow: int = -1
    """The position of its template in `ClosureGraph.workflows`."""
    element: GraphNode | None = None
    """An array: what each of its elements is; None where it maps neither a task nor a launch plan."""
    own_inputs: bool = False
    """An element: whether it reads inputs of its own, not the array's whole lists at its index."""
    needs_preparing: bool = False
    """An element: whether something must be written or asked before it can start."""


@dataclass(frozen=True, slots=True)
class WorkflowGraph:
    """One template's nodes."""

    template: workflow_pb2.WorkflowTemplate
    nodes: tuple[GraphNode, ...]
    by_id: Mapping[NodeId, int]
    start: int
    end: int
    failure_node: int
    """-1: there is none."""
    fail_fast: bool
    """Abort what runs as soon as one node failed; otherwise let everything run that does not need it."""


@dataclass(frozen=True, slots=True)
class ClosureGraph:
    """A whole compiled workflow; `workflows[0]` is the primary."""

    workflows: tuple[WorkflowGraph, ...]


def build(closure: compiler_pb2.CompiledWorkflowClosure) -> ClosureGraph:
    """The graph of a compiled closure. Raises BadGraph if something that it refers to is missing."""
    tasks = {EntityId.from_proto(task.template.id): task.template for task in closure.tasks}
    inside = [workflow.template for workflow in closure.sub_workflows]
    library = _Library({EntityId.from_proto(template.id): template for template in inside})
    workflows = [_Builder(closure.primary.template, tasks, library).build()]
    while len(workflows) <= len(library.used):
        # Only what is used is built, templates of templates too: a closure may carry others along.
        workflows.append(_Builder(library.used[len(workflows) - 1], tasks, library).build())
    return ClosureGraph(tuple(workflows))


class _Library:
    """The subworkflow templates of a closure; numbers those that are used, from 1 on."""

    def __init__(self, templates: Mapping[EntityId, workflow_pb2.WorkflowTemplate]) -> None:
        self._templates = templates
        self._positions: dict[EntityId, int] = {}
        self.used: list[workflow_pb2.WorkflowTemplate] = []

    def position(self, entity: EntityId) -> int:
        """Its place in `ClosureGraph.workflows`. Raises KeyError."""
        if entity not in self._positions:
            self.used.append(self._templates[entity])
            self._positions[entity] = len(self.used)
        return self._positions[entity]


class _Builder:
    """Numbers a template's nodes and turns its bindings into edges."""

    def __init__(
        self,
        template: workflow_pb2.WorkflowTemplate,
        tasks: Mapping[EntityId, tasks_pb2.TaskTemplate],
        library: _Library,
    ) -> None:
        self._template = template
        self._tasks = tasks
        self._library = library
        self._protos: list[workflow_pb2.Node] = []
        self._inner: list[bool] = []
        self._cases: dict[int, tuple[int, ...]] = {}
        self._by_id: dict[NodeId, int] = {}

    def build(self) -> WorkflowGraph:
        start = self._add(workflow_pb2.Node(id=paths.START_NODE), inner=False)
        for proto in self._template.nodes:
            if proto.id not in (paths.START_NODE, paths.END_NODE):
                self._add(proto, inner=False)
        outputs = workflow_pb2.Node(id=paths.END_NODE, inputs=self._template.outputs)
        end = self._add(outputs, inner=False)
        failure = -1
        if self._template.HasField("failure_node"):
            failure = self._add(self._template.failure_node, inner=True)
        successors, dependencies = self._edges(start, end)
        nodes = tuple(
            self._node(index, proto, tuple(successors[index]), dependencies[index])
            for index, proto in enumerate(self._protos)
        )
        policy = self._template.metadata.on_failure
        return WorkflowGraph(
            template=self._template,
            nodes=nodes,
            by_id=self._by_id,
            start=start,
            end=end,
            failure_node=failure,
            fail_fast=policy == workflow_pb2.WorkflowMetadata.FAIL_IMMEDIATELY,
        )

    def _add(self, proto: workflow_pb2.Node, *, inner: bool) -> int:
        index = len(self._protos)
        self._protos.append(proto)
        self._inner.append(inner)
        self._by_id[NodeId(proto.id)] = index
        if proto.HasField("branch_node"):
            self._cases[index] = tuple(
                self._add(case, inner=True) for case in branch_cases(proto.branch_node)
            )
        return index

    def _edges(self, start: int, end: int) -> tuple[list[list[int]], list[int]]:
        successors: list[list[int]] = [[] for _ in self._protos]
        dependencies = [0] * len(self._protos)
        for index, proto in enumerate(self._protos):
            if self._inner[index] or index == start:
                continue
            needed = dict.fromkeys(self._index_of(name, proto.id) for name in _upstream(proto))
            needed.pop(index, None)
            if not needed and index != end:
                needed = {start: None}
            for upstream in needed:
                successors[upstream].append(index)
            dependencies[index] = len(needed)
        for index in range(len(self._protos)):
            if not successors[index] and not self._inner[index] and index != end:
                successors[index].append(end)
                dependencies[end] += 1
        return successors, dependencies

    def _index_of(self, name: str, needed_by: str) -> int:
        try:
            return self._by_id[NodeId(name)]
        except KeyError:
            raise BadGraph(f"node {needed_by} needs node {name}, which is not in the workflow") from None

    def _node(
        self, index: int, proto: workflow_pb2.Node, successors: tuple[int, ...], dependencies: int
    ) -> GraphNode:
        kind = _kind(proto)
        task = self._task_of(proto) if kind is NodeKind.TASK else None
        if task is not None and legacy_arrays.is_one(task):
            kind, proto = NodeKind.ARRAY, self._legacy_array(proto, task)
        element = self._element(index, proto) if kind is NodeKind.ARRAY else None
        metadata = proto.metadata
        if element is not None:
            task = element.task
        return GraphNode(
            index=index,
            node_id=NodeId(proto.id),
            kind=kind,
            proto=proto,
            successors=successors,
            dependencies=dependencies,
            cases=self._cases.get(index, ()),
            inner=self._inner[index],
            max_attempts=_max_attempts(metadata, task),
            interruptible=_interruptible(metadata, task),
            timeout=_timeout(metadata, task) if element is None else 0,
            task=task,
            subworkflow=self._subworkflow_of(proto) if kind is NodeKind.SUBWORKFLOW else -1,
            element=element,
        )

    def _legacy_array(self, proto: workflow_pb2.Node, task: tasks_pb2.TaskTemplate) -> workflow_pb2.Node:
        try:
            return legacy_arrays.as_array(proto, task)
        except legacy_arrays.BadArrayJob as error:
            raise BadGraph(f"node {proto.id}: {error}") from error

    def _element(self, index: int, proto: workflow_pb2.Node) -> GraphNode | None:
        """What the elements of an array node have in common. What the array node says goes before what the
        mapped node says.
        """
        array = proto.array_node
        mapped = array.node
        kind = _kind(mapped)
        if kind is NodeKind.LAUNCH_PLAN:
            node_id = NodeId(proto.id)
            return GraphNode(index=index, node_id=node_id, kind=NodeKind.CHILD, proto=mapped, inner=True)
        if kind is not NodeKind.TASK:
            return None
        metadata = workflow_pb2.NodeMetadata()
        metadata.CopyFrom(mapped.metadata)
        metadata.MergeFrom(proto.metadata)
        task = _with_caching(self._task_of(mapped), metadata)
        own_inputs = (
            array.is_original_sub_node_interface.value
            or array.data_mode == workflow_pb2.ArrayNode.INDIVIDUAL_INPUT_FILES
        )
        return GraphNode(
            index=index,
            node_id=NodeId(proto.id),
            kind=NodeKind.ELEMENT,
            proto=mapped,
            inner=True,
            max_attempts=_max_attempts(metadata, task),
            interruptible=_interruptible(metadata, task),
            timeout=_timeout(metadata, task),
            task=task,
            own_inputs=own_inputs,
            needs_preparing=own_inputs or bool(task.metadata.discoverable),
        )

    def _task_of(self, proto: workflow_pb2.Node) -> tasks_pb2.TaskTemplate:
        entity = EntityId.from_proto(proto.task_node.reference_id)
        if entity not in self._tasks:
            raise BadGraph(f"node {proto.id} runs {entity}, which is not in the compiled closure")
        return _with_caching(self._tasks[entity], proto.metadata)

    def _subworkflow_of(self, proto: workflow_pb2.Node) -> int:
        entity = EntityId.from_proto(proto.workflow_node.sub_workflow_ref)
        try:
            return self._library.position(entity)
        except KeyError:
            raise BadGraph(f"node {proto.id} runs {entity}, which is not in the compiled closure") from None


_KINDS = {
    "task_node": NodeKind.TASK,
    "branch_node": NodeKind.BRANCH,
    "gate_node": NodeKind.GATE,
    "array_node": NodeKind.ARRAY,
}


def _kind(proto: workflow_pb2.Node) -> NodeKind:
    if proto.id == paths.START_NODE:
        return NodeKind.START
    if proto.id == paths.END_NODE:
        return NodeKind.END
    target = proto.WhichOneof("target")
    if target == "workflow_node":
        is_plan = proto.workflow_node.WhichOneof("reference") == "launchplan_ref"
        return NodeKind.LAUNCH_PLAN if is_plan else NodeKind.SUBWORKFLOW
    if target is None:
        raise BadGraph(f"node {proto.id} has nothing to run")
    return _KINDS[target]


def branch_cases(branch: workflow_pb2.BranchNode) -> list[workflow_pb2.Node]:
    """The nodes of a branch's cases in order, the else node (if there is one) last."""
    block = branch.if_else
    cases = [block.case.then_node, *(other.then_node for other in block.other)]
    if block.WhichOneof("default") == "else_node":
        cases.append(block.else_node)
    return cases


def _upstream(proto: workflow_pb2.Node) -> Iterator[str]:
    """The ids of all nodes that must be finished before this one can run; may repeat."""
    yield from proto.upstream_node_ids
    for binding in proto.inputs:
        yield from _promises(binding.binding)
    if proto.HasField("branch_node"):
        for case in branch_cases(proto.branch_node):
            yield from _upstream(case)


def _promises(data: literals_pb2.BindingData) -> Iterator[str]:
    which = data.WhichOneof("value")
    if which == "promise":
        yield data.promise.node_id or paths.START_NODE
    elif which == "collection":
        for item in data.collection.bindings:
            yield from _promises(item)
    elif which == "map":
        for item in data.map.bindings.values():
            yield from _promises(item)


def _with_caching(
    task: tasks_pb2.TaskTemplate, metadata: workflow_pb2.NodeMetadata
) -> tasks_pb2.TaskTemplate:
    """The task with what its node says about caching: the same object if that is nothing new."""
    wanted = tasks_pb2.TaskMetadata()
    wanted.CopyFrom(task.metadata)
    if metadata.WhichOneof("cacheable_value") is not None:
        wanted.discoverable = metadata.cacheable
    if metadata.WhichOneof("cache_version_value") is not None:
        wanted.discovery_version = metadata.cache_version
    if metadata.WhichOneof("cache_serializable_value") is not None:
        wanted.cache_serializable = metadata.cache_serializable
    if wanted == task.metadata:
        return task
    changed = tasks_pb2.TaskTemplate()
    changed.CopyFrom(task)
    changed.metadata.CopyFrom(wanted)
    return changed


def _max_attempts(metadata: workflow_pb2.NodeMetadata, task: tasks_pb2.TaskTemplate | None) -> int:
    # Zero is what flytekit writes for a reference task, whose own retries it does not know: the task's count.
    if metadata.retries.retries:
        return int(metadata.retries.retries) + 1
    return int(task.metadata.retries.retries) + 1 if task is not None else 1


def _interruptible(metadata: workflow_pb2.NodeMetadata, task: tasks_pb2.TaskTemplate | None) -> bool | None:
    if metadata.WhichOneof("interruptible_value") is not None:
        return bool(metadata.interruptible)
    if task is not None and task.metadata.WhichOneof("interruptible_value") is not None:
        return bool(task.metadata.interruptible)
    return None


def _timeout(metadata: workflow_pb2.NodeMetadata, task: tasks_pb2.TaskTemplate | None) -> int:
    if metadata.HasField("timeout") and metadata.timeout.ToMicroseconds() > 0:
        return int(metadata.timeout.ToMicroseconds())
    return int(task.metadata.timeout.ToMicroseconds()) if task is not None else 0
