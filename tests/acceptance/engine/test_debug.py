"""`sandbox debug`: histories of real executions, dumped and replayed by the command line."""

from __future__ import annotations

import json
from pathlib import Path

from flyteidl.core import execution_pb2

from tests.acceptance.engine.conftest import VERSION
from tests.sandboxes import Client, Sandbox, integers
from tests.waiting import eventually


def history(sandbox: Sandbox, execution: str, out: Path) -> Path:
    sandbox.run("debug", "history", execution, "--out", str(out), "--name", sandbox.name)
    return out


def test_a_finished_execution_is_dumped_and_replayed_to_any_moment(
    sandbox: Sandbox, client: Client, tmp_path: Path
) -> None:
    execution = client.create_execution("workflows.dynamics.mixed", VERSION, integers(x=2))
    ended = client.wait(execution, timeout=90, interval=0.1)
    assert ended.closure.phase == execution_pb2.WorkflowExecution.SUCCEEDED, ended.closure.error
    file = history(sandbox, execution.name, tmp_path / "history.json")

    replayed = sandbox.run("debug", "replay", str(file))
    assert f"{execution.name} SUCCEEDED" in replayed.stdout
    assert "dynamic" in replayed.stdout
    assert "byte for byte" in replayed.stderr

    listed = sandbox.run("debug", "replay", str(file), "--events").stdout.splitlines()
    assert len(listed) == len(json.loads(file.read_text())["events"])
    assert "ExecutionStarted" in listed[0]

    early = sandbox.run("debug", "replay", str(file), "--at", "2")
    assert f"{execution.name} RUNNING after 2 of {len(listed)} events" in early.stdout
    assert "byte for byte" not in early.stderr
    time = listed[1].split()[1]
    until = sandbox.run("debug", "replay", str(file), "--until", time, "-o", "json")
    assert json.loads(until.stdout)["applied"] == 2
    changed = sandbox.run("debug", "replay", str(file), "--diff", "0", "1").stdout
    assert "phase: – → RUNNING" in changed

    document = json.loads(file.read_text())
    del document["events"][-1]
    file.write_text(json.dumps(document))
    other = sandbox.run("debug", "replay", str(file), check=False)
    assert other.returncode == 1
    assert "phase: SUCCEEDED → RUNNING" in other.stderr


def test_an_execution_that_runs_is_dumped_beside_the_engine_and_without_it(
    sandbox: Sandbox, client: Client, journal: Path, tmp_path: Path
) -> None:
    inputs = integers()
    inputs.literals["seconds"].scalar.primitive.float_value = 600.0
    inputs.literals["journal"].scalar.primitive.string_value = str(journal)
    execution = client.create_execution("workflows.basics.fifty_slow_tasks", VERSION, inputs)
    eventually(lambda: "start" in journal.read_text(), timeout=60)
    sandbox.kill("control-plane")
    running = history(sandbox, execution.name, tmp_path / "running.json")
    assert json.loads(running.read_text())["state"]["phase"] == "RUNNING"
    assert "byte for byte" in sandbox.run("debug", "replay", str(running)).stderr
    sandbox.start()
    fresh = Client(sandbox.status()["endpoints"]["target"])
    fresh.abort(execution, "seen enough")
    fresh.wait(execution, timeout=60, interval=0.1)
    fresh.close()
    aborted = history(sandbox, execution.name, tmp_path / "aborted.json")
    assert json.loads(aborted.read_text())["state"]["phase"] == "ABORTED"


def test_what_is_not_there_is_told_with_a_remedy(sandbox: Sandbox, tmp_path: Path) -> None:
    missing = sandbox.run("debug", "history", "nobody", "--name", sandbox.name, check=False)
    assert missing.returncode == 1
    assert "no execution 'nobody' in flytesnacks/development" in missing.stderr.replace("\n       ", " ")
    nonsense = tmp_path / "nonsense.json"
    nonsense.write_text("{}")
    refused = sandbox.run("debug", "replay", str(nonsense), check=False)
    assert refused.returncode == 1
    assert "no history" in refused.stderr
