from __future__ import annotations

from flyteidl.core import execution_pb2

from sandbox.console import phases


def test_every_phase_that_flyte_knows_has_a_look() -> None:
    for kind, look in (
        (execution_pb2.WorkflowExecution, phases.of_execution),
        (execution_pb2.NodeExecution, phases.of_node),
        (execution_pb2.TaskExecution, phases.of_attempt),
    ):
        for value in kind.Phase.values():
            assert look(value).sign != "?", kind.Phase.Name(value)


def test_every_phase_that_can_be_filtered_for_exists() -> None:
    names = set(execution_pb2.WorkflowExecution.Phase.keys())
    assert all(set(entry[1]) <= names for entry in phases.EXECUTION_FILTERS.values())
    names = set(execution_pb2.NodeExecution.Phase.keys())
    assert all(set(entry[1]) <= names for entry in phases.NODE_FILTERS.values())


def test_every_execution_phase_is_found_by_exactly_one_filter() -> None:
    listed = [name for _, names in phases.EXECUTION_FILTERS.values() for name in names]
    assert sorted(listed) == sorted(execution_pb2.WorkflowExecution.Phase.keys())
