from __future__ import annotations

from sandbox.console import graphs, phases, scopes
from sandbox.console.scopes import Scope
from tests.integration.console import recorded, stories
from tests.integration.console.recorded import Recording


def scope(name: str) -> Scope:
    recording = stories.tell_wide(stories.tell(Recording()))
    closure = next(w for w in recording.workflows if w.id.name == name).closure.compiled_workflow
    return Scope.of(closure)


def test_a_fan_out_of_thousands_is_one_box() -> None:
    graph = graphs.build(scope("tests.steps.fan_out"))
    sizes = sorted(len(node.members) for node in graph.nodes)
    assert sizes == [1, 1, 1, stories.WIDE]


def test_the_box_of_many_shows_the_one_that_failed() -> None:
    phase_of = {f"n{i}": phases.named("SUCCEEDED") for i in range(stories.WIDE)} | {
        "n3": phases.named("FAILED")
    }
    drawing = graphs.draw(graphs.build(scope("tests.steps.fan_out")), phase_of, {})
    assert drawing is not None
    stack = next(node for node in drawing.nodes if node.is_stack)
    assert (stack.phase.label, stack.caption) == ("Failed", "1 failed, 4,999 succeeded")


def test_what_follows_a_branch_follows_its_cases() -> None:
    graph = graphs.build(scope("tests.steps.everything"))
    assert {("n1", "n1-n0"), ("n1", "n1-n1")} == graph.choices
    assert ("n1-n0", "n2") in graph.edges
    assert ("n1", "n2") not in graph.edges


def test_a_few_alike_nodes_stay_apart() -> None:
    task = recorded.identifier(scopes.identifier_pb2.TASK, "t")
    nodes = [recorded.task_node(f"n{i}", task) for i in range(3)]
    workflow = recorded.identifier(scopes.identifier_pb2.WORKFLOW, "w")
    compiled = recorded.compiled(workflow, nodes, [], recorded.interface({}, {}))
    closure = scopes.compiler_pb2.CompiledWorkflowClosure(primary=compiled)
    assert len(graphs.build(Scope.of(closure)).nodes) == 5


def test_too_large_a_graph_is_not_drawn() -> None:
    tasks = [recorded.identifier(scopes.identifier_pb2.TASK, f"t{i}") for i in range(graphs.MAX_BOXES)]
    nodes = [recorded.task_node(f"n{i}", task) for i, task in enumerate(tasks)]
    workflow = recorded.identifier(scopes.identifier_pb2.WORKFLOW, "w")
    compiled = recorded.compiled(workflow, nodes, [], recorded.interface({}, {}))
    closure = scopes.compiler_pb2.CompiledWorkflowClosure(primary=compiled)
    assert graphs.draw(graphs.build(Scope.of(closure)), None, {}) is None


def test_a_stack_of_nodes_with_names_of_their_own_is_called_by_what_they_run() -> None:
    task = recorded.identifier(scopes.identifier_pb2.TASK, "steps.echo")
    nodes = [recorded.task_node(f"n{i}", task, f"number {i}") for i in range(9)]
    workflow = recorded.identifier(scopes.identifier_pb2.WORKFLOW, "w")
    compiled = recorded.compiled(workflow, nodes, [], recorded.interface({}, {}))
    closure = scopes.compiler_pb2.CompiledWorkflowClosure(primary=compiled)
    assert "echo" in [node.title for node in graphs.build(Scope.of(closure)).nodes]
