"""Requirements: which tasks and launch plans must be registered before a workflow compiles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from flyteidl.core import workflow_pb2

from sandbox.compiler.errors import ErrorCode, Problems
from sandbox.idl.identifiers import EntityId
from sandbox.idl.paths import START_NODE


@dataclass(frozen=True, slots=True)
class Requirements:
    """What must be registered before a workflow can be compiled."""

    tasks: frozenset[EntityId]
    launch_plans: frozenset[EntityId]


def required(
    template: workflow_pb2.WorkflowTemplate, subworkflows: Sequence[workflow_pb2.WorkflowTemplate]
) -> Requirements:
    """The tasks and launch plans that the workflow and the subworkflows in it refer to.

    Raises CompilationFailed when a subworkflow is referred to but not given, or given twice.
    """
    problems = Problems()
    library = index(subworkflows, problems)
    tasks: set[EntityId] = set()
    launch_plans: set[EntityId] = set()
    waiting = [template]
    seen: set[EntityId] = set()
    while waiting:
        for node in nodes_of(waiting.pop()):
            match reference(node):
                case ("task", task):
                    tasks.add(task)
                case ("launch_plan", plan):
                    launch_plans.add(plan)
                case ("workflow", workflow) if workflow not in library:
                    problems.add(
                        ErrorCode.WORKFLOW_REFERENCE_NOT_FOUND,
                        node.id,
                        f"Referenced Workflow [{workflow}] not found among the subworkflows of the request.",
                    )
                case ("workflow", workflow) if workflow not in seen:
                    seen.add(workflow)
                    waiting.append(library[workflow])
    problems.raise_any()
    return Requirements(frozenset(tasks), frozenset(launch_plans))


def index(
    subworkflows: Iterable[workflow_pb2.WorkflowTemplate], problems: Problems
) -> dict[EntityId, workflow_pb2.WorkflowTemplate]:
    """The subworkflows by id; one given twice is a problem."""
    library: dict[EntityId, workflow_pb2.WorkflowTemplate] = {}
    for subworkflow in subworkflows:
        identity = EntityId.from_proto(subworkflow.id)
        if identity in library:
            problems.add(
                ErrorCode.VALUE_COLLISION,
                START_NODE,
                f"subworkflow id is expected to be unique. {identity} already exists.",
            )
        library[identity] = subworkflow
    return library


def reference(node: workflow_pb2.Node) -> tuple[str, EntityId] | None:
    """What the node runs: ("task" | "launch_plan" | "workflow", id); None for what brings its own work."""
    if node.WhichOneof("target") == "task_node" and node.task_node.HasField("reference_id"):
        return "task", EntityId.from_proto(node.task_node.reference_id)
    if node.WhichOneof("target") == "workflow_node":
        match node.workflow_node.WhichOneof("reference"):
            case "launchplan_ref":
                return "launch_plan", EntityId.from_proto(node.workflow_node.launchplan_ref)
            case "sub_workflow_ref":
                return "workflow", EntityId.from_proto(node.workflow_node.sub_workflow_ref)
    return None


def nodes_of(template: workflow_pb2.WorkflowTemplate) -> Iterator[workflow_pb2.Node]:
    """Every node of the workflow: those inside of branches and arrays, and the failure node, too."""
    waiting = list(reversed(template.nodes))
    if template.HasField("failure_node"):
        waiting.insert(0, template.failure_node)
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(inner_nodes(node)))


def inner_nodes(node: workflow_pb2.Node) -> list[workflow_pb2.Node]:
    """The nodes directly inside of a branch or an array node, in the order of its cases."""
    if node.WhichOneof("target") == "array_node" and node.array_node.HasField("node"):
        return [node.array_node.node]
    if node.WhichOneof("target") != "branch_node":
        return []
    if_else = node.branch_node.if_else
    cases = [block.then_node for block in (if_else.case, *if_else.other) if block.HasField("then_node")]
    if if_else.WhichOneof("default") == "else_node":
        cases.append(if_else.else_node)
    return cases
