"""What flytekit serialises compiles, and its connections are those of Flyte's compiler."""

from __future__ import annotations

import pytest
from flyteidl.core import compiler_pb2

from sandbox.idl import hashing, types
from tests.unit.compiler import samples


def _closure(name: str) -> compiler_pb2.CompiledWorkflowClosure:
    registry = samples.Registry()
    return registry.closures[registry.load(name)]


def _edges(workflow: compiler_pb2.CompiledWorkflow) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    up, down = workflow.connections.upstream, workflow.connections.downstream
    return {key: list(up[key].ids) for key in up}, {key: list(down[key].ids) for key in down}


def test_the_samples_cover_every_kind_of_node() -> None:
    targets = set()
    for name in samples.NAMES:
        for node in _closure(name).primary.template.nodes:
            targets.add(node.WhichOneof("target"))
    kinds = {"task_node", "workflow_node", "branch_node", "gate_node", "array_node"}
    assert targets == {None, *kinds}


@pytest.mark.parametrize("name", samples.NAMES)
def test_a_sample_compiles_to_the_same_bytes_always(name: str) -> None:
    registry = samples.Registry()
    identity = registry.load(name)
    spec = registry.specs[identity]
    before = spec.SerializeToString(deterministic=True)
    again = registry.compile(spec)
    assert hashing.digest(again) == hashing.digest(registry.closures[identity])
    assert spec.SerializeToString(deterministic=True) == before


@pytest.mark.parametrize("name", samples.NAMES)
def test_a_compiled_sample_starts_and_ends_with_its_sentinels(name: str) -> None:
    template = _closure(name).primary.template
    assert [node.id for node in template.nodes][:2] == ["start-node", "end-node"]
    assert template.nodes[1].inputs == template.outputs


def test_what_waits_for_nothing_waits_for_the_start() -> None:
    upstream, downstream = _edges(_closure("chain").primary)
    assert upstream == {
        "n0": ["start-node"],
        "n1": ["n0"],
        "n2": ["start-node"],
        "n3": ["start-node"],
        "n4": ["n3"],
        "end-node": ["n1", "n2", "n4"],
    }
    assert downstream == {
        "start-node": ["n0", "n2", "n3"],
        "n0": ["n1"],
        "n1": ["end-node"],
        "n2": ["end-node"],
        "n3": ["n4"],
        "n4": ["end-node"],
    }


def test_nodes_in_branches_are_renamed_and_only_know_what_they_read() -> None:
    workflow = _closure("branches").primary
    upstream, downstream = _edges(workflow)
    if_else = workflow.template.nodes[3].branch_node.if_else
    assert if_else.case.then_node.id == "n1-n0"
    assert if_else.other[0].then_node.branch_node.if_else.else_node.id == "n1-n1-n1"
    assert upstream["n1-n0"] == ["n0"]
    assert upstream["n1-n1-n0"] == ["n0", "start-node"]
    assert upstream["n1"] == ["n0", "start-node"]
    assert not [node for node in downstream if node.startswith("n1-")]


def test_the_failure_node_knows_what_it_reads_and_nothing_waits_for_it() -> None:
    upstream, downstream = _edges(_closure("guarded").primary)
    assert upstream["fn0"] == ["start-node"]
    assert "fn0" not in downstream
    assert downstream["start-node"] == ["n0"]


def test_subworkflows_are_compiled_once_each_with_connections_of_their_own() -> None:
    closure = _closure("nested")
    names = [sub.template.id.name for sub in closure.sub_workflows]
    assert sorted(names) == ["generate.inner", "generate.middle"]
    for sub in closure.sub_workflows:
        assert sub.template.nodes[0].id == "start-node"
        assert sub.connections.downstream["start-node"].ids
    assert [task.template.id.name for task in closure.tasks] == ["generate.add", "generate.two"]


def test_a_project_of_2022_compiles_though_it_hands_a_string_to_a_task_that_wants_a_file() -> None:
    template = _closure("legacy").primary.template
    assert types.describe(template.interface.inputs.variables["dataset"].type) == "string"
    assert template.nodes[2].inputs[0].binding.promise.var == "dataset"


def test_an_array_over_a_launch_plan_has_lists_in_and_out() -> None:
    workflow = _closure("mapped_plan").primary
    assert workflow.template.nodes[2].array_node.is_original_sub_node_interface.value
    assert _edges(workflow)[0]["end-node"] == ["n0"]
