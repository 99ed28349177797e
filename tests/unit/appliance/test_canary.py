"""What the canary registers."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from flyteidl.core import literals_pb2

from sandbox.appliance import canary, canary_task
from sandbox.compiler import tasks, workflows
from sandbox.idl.identifiers import EntityId


def test_its_version_is_its_content() -> None:
    first, second = canary._Definition(None), canary._Definition(None)
    assert first.task == second.task
    assert first.task.id.version == first.workflow.id.version == first.launch_plan.id.version
    assert len(first.task.id.version) == 16


def test_it_is_a_workflow_that_compiles() -> None:
    definition = canary._Definition(None)
    task = tasks.compile(definition.task.spec.template)
    known = {EntityId.from_proto(definition.task.id): task}
    closure = workflows.compile(definition.workflow.spec.template, [], known, {})
    assert closure.primary.template.id == definition.launch_plan.spec.workflow_id
    assert [node.id for node in closure.primary.template.nodes if node.HasField("task_node")] == ["n0"]


def test_its_task_answers_the_digest_of_the_file_that_its_input_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("ENDPOINT", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"FLYTE_AWS_{name}", "http://127.0.0.1:1")
    payload, inputs = tmp_path / "payload", tmp_path / "inputs.pb"
    payload.write_bytes(b"bytes")
    literals = literals_pb2.LiteralMap()
    literals.literals["payload"].scalar.primitive.string_value = str(payload)
    inputs.write_bytes(literals.SerializeToString())
    canary_task.main([str(inputs), str(tmp_path / "out")])
    outputs = literals_pb2.LiteralMap.FromString((tmp_path / "out" / "outputs.pb").read_bytes())
    found = outputs.literals["digest"].scalar.primitive.string_value
    assert found == hashlib.sha256(b"bytes").hexdigest()
    assert found in capsys.readouterr().out
