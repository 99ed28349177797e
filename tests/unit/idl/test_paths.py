"""Paths are where flytekit and Flyte's own clients look."""

from __future__ import annotations

import re

from sandbox.idl import paths
from sandbox.idl.identifiers import ExecutionId, NodeId

EXECUTION = paths.ExecutionPaths.of("s3://b/metadata/", ExecutionId("p", "d", "e"))


def test_inputs_and_outputs_of_a_workflow_are_those_of_its_sentinels() -> None:
    root = "s3://b/metadata/propeller/p-d-e"
    assert EXECUTION.workflow_inputs == f"{root}/start-node/data/0/outputs.pb"
    assert EXECUTION.workflow_outputs == f"{root}/end-node/data/0/outputs.pb"


def test_children_lie_in_the_attempt_of_their_parent() -> None:
    attempt = EXECUTION.node(NodeId("n0")).attempt(1)
    child = attempt.child(NodeId("n2"))
    assert attempt.outputs.endswith("/n0/data/1/outputs.pb")
    assert child.inputs.endswith("/n0/data/1/n2/inputs.pb")
    assert child.attempt(0).error.endswith("/n0/data/1/n2/0/error.pb")
    assert attempt.element(7).attempt(0).prefix.endswith("/n0/data/1/7/0")


def test_raw_data_is_spread_over_two_character_folders() -> None:
    prefix = paths.raw_output_prefix("s3://b/data", "exec-n0-0")
    assert re.fullmatch(r"s3://b/data/[a-z0-9]{2}/exec-n0-0", prefix)
    assert paths.raw_output_prefix("s3://b/data/", "exec-n0-0") == prefix
    assert paths.checkpoint_prefix(prefix) == f"{prefix}/_flytecheckpoints"
    assert (paths.shard("exec-n0-0"), paths.shard("abc")) == ("mi", "k9")  # as Flyte's own selector does
    shards = {paths.shard(f"exec-n{number}-0") for number in range(500)}
    assert len(shards) > 300
