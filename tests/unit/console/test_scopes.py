from __future__ import annotations

from flyteidl.core import identifier_pb2, workflow_pb2

from sandbox.console import scopes
from tests.integration.console import recorded

TASK = recorded.identifier(identifier_pb2.TASK, "flyte.workflows.example.fit")


def test_a_node_is_called_by_its_name() -> None:
    assert scopes.title_of(recorded.task_node("n0", TASK, "fit_twice"), "n0") == "fit_twice"


def test_a_node_without_a_name_is_called_by_what_it_runs() -> None:
    assert scopes.title_of(recorded.task_node("n0", TASK), "n0") == "fit"


def test_the_node_around_a_lone_task_is_called_by_the_task() -> None:
    assert scopes.title_of(recorded.task_node("x", TASK, "flyteworkflowsexamplefit"), "x") == "fit"


def test_a_nameless_branch_is_called_by_its_id() -> None:
    branch = recorded.branch_node("n1", [recorded.task_node("n1-n0", TASK)])
    assert scopes.title_of(branch, "n1") == "n1"
    assert scopes.title_of(None, "n7") == "n7"


def test_nodes_inside_branches_are_found() -> None:
    inner = recorded.branch_node("b1", [recorded.task_node("deep", TASK)])
    outer = recorded.branch_node("b0", [inner, recorded.task_node("shallow", TASK)])
    assert [node.id for node in scopes.inner_nodes(outer)] == ["b1", "deep", "shallow"]
    assert scopes.kind_of(workflow_pb2.Node(id="n")) is scopes.UNKNOWN
