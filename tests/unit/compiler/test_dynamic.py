"""The workflow around what a dynamic task made."""

from __future__ import annotations

import pytest
from flyteidl.core import dynamic_job_pb2, literals_pb2

from sandbox.compiler import dynamic
from sandbox.compiler.errors import CompilationFailed
from sandbox.idl.identifiers import AttemptKey, EntityId, ExecutionId, NodeId, UniqueNodeId
from tests.unit.propeller.building import INTERFACE, bind, run, task

PARENT = task("parent", type="python-task")
CHILD = task("child", type="python-task")
SPEC = dynamic_job_pb2.DynamicJobSpec(nodes=[run("dn0", 1, CHILD)], outputs=bind("dn0"), tasks=[CHILD, CHILD])


def made_by(attempt: int) -> AttemptKey:
    return AttemptKey(ExecutionId("flytesnacks", "development", "e1"), UniqueNodeId("n0-0-n3"), attempt)


def test_the_workflow_has_the_tasks_outputs_and_is_named_after_the_node() -> None:
    template = dynamic.workflow(SPEC, PARENT, NodeId("n3"), made_by(0))
    assert template.id.name == "dynamic_n3"
    assert template.interface.outputs == INTERFACE.outputs
    assert not template.interface.inputs.variables
    closure = dynamic.compile(SPEC, template, dynamic.tasks(SPEC, PARENT), {})
    assert [node.id for node in closure.primary.template.nodes] == ["start-node", "end-node", "dn0"]
    assert len(closure.tasks) == 1


def test_the_same_attempt_makes_the_same_version_and_another_one_another() -> None:
    versions = [dynamic.workflow(SPEC, PARENT, NodeId("n3"), made_by(n)).id.version for n in (0, 0, 1)]
    assert versions[0] == versions[1] != versions[2]
    assert len(versions[0]) == 10


def test_tasks_inherit_the_configuration_of_their_parents_container() -> None:
    parent = task("parent", type="python-task")
    parent.container.config.append(literals_pb2.KeyValuePair(key="role", value="reader"))
    compiled = dynamic.tasks(SPEC, parent)[EntityId.from_proto(CHILD.id)]
    assert [pair.key for pair in compiled.template.container.config] == ["role"]
    assert not SPEC.tasks[0].container.config


def test_a_task_that_nobody_knows_is_reported() -> None:
    template = dynamic.workflow(SPEC, PARENT, NodeId("n3"), made_by(0))
    with pytest.raises(CompilationFailed, match="child"):
        dynamic.compile(SPEC, template, {}, {})
