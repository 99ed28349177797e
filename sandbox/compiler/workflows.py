"""Workflows: from templates as clients register them to a compiled closure that an engine can run.

Follows Flyte's compiler (`flytepropeller/pkg/compiler`): every mistake is collected, not only the first,
and what compiles gets its `start-node`, its `end-node` and the connections between nodes. Clients fetch the
result and build their own graphs from it, so ids and connections are Flyte's:

- a node waits for the nodes it is bound to and for those it names in `upstream_node_ids`; - one that waits
for nothing waits for `start-node`, one that nothing waits for is waited for by `end-node`; - nodes inside
of a branch are called `<branch>-<node>` and know what they read from, but nothing waits for them; - the
failure node likewise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flyteidl.core import compiler_pb2, workflow_pb2

from sandbox.compiler import bindings, nodes
from sandbox.compiler.errors import ErrorCode, Problems
from sandbox.compiler.requirements import Requirements, index, nodes_of, reference, required
from sandbox.compiler.scope import Library, Node, Scope, Variables
from sandbox.idl import interfaces
from sandbox.idl.identifiers import EntityId
from sandbox.idl.interfaces import LaunchPlanInterface
from sandbox.idl.paths import END_NODE, START_NODE

__all__ = ["Requirements", "compile", "required"]


def compile(
    template: workflow_pb2.WorkflowTemplate,
    subworkflows: Sequence[workflow_pb2.WorkflowTemplate],
    tasks: Mapping[EntityId, compiler_pb2.CompiledTask],
    launch_plans: Mapping[EntityId, LaunchPlanInterface],
) -> compiler_pb2.CompiledWorkflowClosure:
    """Validate the workflow with all that it refers to, and connect its nodes.

    `tasks` and `launch_plans` are those of `required(template, subworkflows)`; what is missing there is
    reported at the node that wants it. The arguments are not changed. Raises CompilationFailed with every
    mistake found.
    """
    problems = Problems()
    library = Library(tasks, launch_plans, index(subworkflows, problems))
    used = _subworkflows_of(template, library, problems)
    problems.raise_any()
    primary = _compile_one(template, library, problems)
    compiled = {}
    for identity in used:
        found = Problems()
        compiled[identity] = _compile_one(library.subworkflows[identity], library, found)
        problems.extend(found, f"in subworkflow {identity.name}")
    problems.raise_any()
    templates = [template, *(library.subworkflows[identity] for identity in used)]
    return compiler_pb2.CompiledWorkflowClosure(
        primary=primary,
        sub_workflows=[
            compiled.get(EntityId.from_proto(sub.id)) or compiler_pb2.CompiledWorkflow(template=sub)
            for sub in subworkflows
        ],
        tasks=[tasks[identity] for identity in sorted(_tasks_of(templates))],
    )


def _tasks_of(templates: Sequence[workflow_pb2.WorkflowTemplate]) -> set[EntityId]:
    references = (reference(node) for template in templates for node in nodes_of(template))
    return {found[1] for found in references if found and found[0] == "task"}


# Subworkflows.


def _subworkflows_of(
    template: workflow_pb2.WorkflowTemplate, library: Library, problems: Problems
) -> list[EntityId]:
    """Every subworkflow that is used, those inside of others too; a workflow inside of itself is reported."""
    used: list[EntityId] = []
    path: list[EntityId] = [EntityId.from_proto(template.id)]
    _visit(template, library, problems, path, used)
    return used


def _visit(
    template: workflow_pb2.WorkflowTemplate,
    library: Library,
    problems: Problems,
    path: list[EntityId],
    used: list[EntityId],
) -> None:
    for node in nodes_of(template):
        match reference(node):
            case ("workflow", identity) if identity in path:
                cycle = [*path[path.index(identity) :], identity]
                problems.add(
                    ErrorCode.CYCLE_DETECTED,
                    node.id,
                    f"A workflow contains itself [{'>'.join(entry.name for entry in cycle)}]: "
                    "call it through a launch plan instead.",
                )
            case ("workflow", identity) if identity not in used and identity in library.subworkflows:
                used.append(identity)
                path.append(identity)
                _visit(library.subworkflows[identity], library, problems, path, used)
                path.pop()


# One workflow.


def _compile_one(
    template: workflow_pb2.WorkflowTemplate, library: Library, problems: Problems
) -> compiler_pb2.CompiledWorkflow:
    scope = Scope(library, problems)
    compiled = compiler_pb2.CompiledWorkflow()
    _check_interface(scope, template)
    own = _lay_out(scope, template, compiled.template)
    if not own:
        scope.report(
            ErrorCode.NO_NODES_FOUND,
            template.id.name,
            f"Can't find any nodes in workflow [{template.id.name}].",
        )
        return compiled
    for node in own:
        nodes.check(scope, node)
    for node_id in sorted(scope.nodes):
        _connect(scope, scope.nodes[node_id])
    if template.HasField("failure_node"):
        _check_failure_node(scope, compiled.template.failure_node)
    _take_outputs(scope, compiled.template)
    _connect_loose_ends(scope)
    _check_reachable(scope)
    compiled.connections.CopyFrom(scope.connections.to_proto())
    return compiled


def _check_interface(scope: Scope, template: workflow_pb2.WorkflowTemplate) -> None:
    for kind, variables in _interface_of(template):
        for name in sorted(variables):
            if not name or variables[name].type.WhichOneof("type") is None:
                scope.report(
                    ErrorCode.VALUE_REQUIRED,
                    START_NODE,
                    f"Value required [param.Type]: workflow {kind} [{name}] has no known type.",
                )


def _interface_of(template: workflow_pb2.WorkflowTemplate) -> list[tuple[str, Variables]]:
    return [
        ("input", interfaces.inputs(template.interface)),
        ("output", interfaces.outputs(template.interface)),
    ]


def _lay_out(
    scope: Scope, template: workflow_pb2.WorkflowTemplate, target: workflow_pb2.WorkflowTemplate
) -> list[Node]:
    """Fill `target` with the template and its two sentinels; the workflow's own nodes are returned."""
    target.CopyFrom(template)
    target.interface.inputs.SetInParent()
    target.interface.outputs.SetInParent()
    del target.nodes[:]
    start = Node(target.nodes.add(id=START_NODE), inputs={}, outputs=target.interface.inputs.variables)
    end = Node(target.nodes.add(id=END_NODE), inputs=target.interface.outputs.variables, outputs={})
    end.proto.inputs.extend(template.outputs)
    start.resolved = end.resolved = True
    scope.nodes[START_NODE], scope.nodes[END_NODE] = start, end
    own = [Node(target.nodes.add()) for node in template.nodes if node.id not in (START_NODE, END_NODE)]
    sources = (node for node in template.nodes if node.id not in (START_NODE, END_NODE))
    for node, source in zip(own, sources, strict=True):
        node.proto.CopyFrom(source)
        _enter(scope, node)
    return own


def _enter(scope: Scope, node: Node) -> None:
    if not node.id:
        scope.report(ErrorCode.VALUE_REQUIRED, "<node>", "Value required [Id]: a node has no id.")
    elif "/" in node.id or node.id in (".", ".."):
        scope.report(
            ErrorCode.INVALID_VALUE, node.id, "Invalid value [Id]: a node's id becomes a folder's name."
        )
    elif node.id in scope.nodes:
        scope.report(
            ErrorCode.DUPLICATE_NODE_ID, node.id, f"Trying to insert two nodes with the same id [{node.id}]."
        )
    else:
        scope.nodes[node.id] = node


def _connect(scope: Scope, node: Node) -> None:
    if node.id == START_NODE or node.inputs is None:
        return
    for upstream in node.proto.upstream_node_ids:
        if upstream and upstream not in scope.nodes:
            scope.report(
                ErrorCode.NODE_REFERENCE_NOT_FOUND,
                node.id,
                f"Referenced node [{upstream}] not found: the node is to run after it.",
            )
        else:
            scope.connections.add_execution(upstream, node.id)
    for provider in nodes.bind(scope, node).upstream:
        scope.connections.add_execution(provider, node.id)


def _check_failure_node(scope: Scope, proto: workflow_pb2.Node) -> None:
    node = Node(proto)
    nodes.check(scope, node)
    bound: bindings.Bound = nodes.bind(scope, node)
    for provider in bound.upstream:
        scope.connections.add_upstream(provider, node.id)


def _take_outputs(scope: Scope, target: workflow_pb2.WorkflowTemplate) -> None:
    """The outputs' bindings as they were completed at the end node: an input passed on names its node."""
    del target.outputs[:]
    target.outputs.extend(scope.nodes[END_NODE].proto.inputs)


def _connect_loose_ends(scope: Scope) -> None:
    for node_id in sorted(scope.nodes):
        if node_id in (START_NODE, END_NODE):
            continue
        if not scope.connections.has_upstream(node_id):
            scope.connections.add_execution(START_NODE, node_id)
        if not scope.connections.has_downstream(node_id):
            scope.connections.add_execution(node_id, END_NODE)


def _check_reachable(scope: Scope) -> None:
    cycle = scope.connections.cycle()
    if cycle:
        scope.report(
            ErrorCode.CYCLE_DETECTED,
            START_NODE,
            f"A cycle has been detected while traversing the Workflow [{'>'.join(cycle)}].",
        )
        return
    lost = set(scope.nodes) - scope.connections.reachable(START_NODE) - {END_NODE}
    if lost:
        scope.report(
            ErrorCode.UNREACHABLE_NODES,
            START_NODE,
            f"The Workflow contain unreachable nodes [{','.join(sorted(lost))}].",
        )
