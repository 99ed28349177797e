"""Logs: whose, which attempt, and while they grow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox.appliance import logs
from sandbox.appliance.logs import NoLog
from sandbox.appliance.ports import Ports
from sandbox.appliance.state import SandboxConfig, SandboxState
from sandbox.executors.process.runner import records


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SandboxState:
    monkeypatch.setenv("SANDBOX_HOME", str(tmp_path))
    found = SandboxState.locate("a")
    found.create()
    config = SandboxConfig("a", "embedded", Ports(), 0.0, "0", {}, None, False, 0, {}, [])
    found.config_path.write_text(json.dumps(config.to_json()))
    found.log_path("control-plane").write_text("one\ntwo\nthree\n")
    found.log_path("postgres").write_text("ready\n")
    return found


def _attempt(state: SandboxState, path: str, text: str) -> Path:
    log = state.tasks / "attempts" / path / "log"
    log.parent.mkdir(parents=True)
    log.write_text(text)
    return log


def test_all_components_or_one(state: SandboxState) -> None:
    assert [source.title for source in logs.components("a")] == ["control-plane", "postgres"]
    assert [source.title for source in logs.components("a", "control_plane")] == ["control-plane"]
    with pytest.raises(NoLog, match="control-plane, postgres"):
        logs.components("a", "nosuch")


def test_the_last_lines_only(state: SandboxState) -> None:
    (chunk,) = logs.read(logs.components("a", "control-plane"), tail=2)
    assert chunk.data == b"two\nthree\n"


def test_the_last_attempt_of_each_node(state: SandboxState) -> None:
    for path in ("p/d/e/n0/0", "p/d/e/n0/1", "p/d/e/n0/10", "p/d/e/n1/0"):
        _attempt(state, path, path)
    assert [chunk.data for chunk in logs.read(logs.attempts("a", "e"))] == [b"p/d/e/n0/10", b"p/d/e/n1/0"]
    assert [chunk.data for chunk in logs.read(logs.attempts("a", "p/d/e", "n0", 1))] == [b"p/d/e/n0/1"]
    with pytest.raises(NoLog, match="n0, n1"):
        logs.attempts("a", "e", "n7")
    with pytest.raises(NoLog, match="cached nodes print nothing"):
        logs.attempts("a", "other")


def test_a_growing_log_is_followed_until_the_end(state: SandboxState) -> None:
    log = _attempt(state, "p/d/e/n0/0", "first\n")
    asked: list[int] = []

    def until() -> bool:
        asked.append(1)
        with log.open("a") as file:
            file.write(f"line {len(asked)}\n")
        return len(asked) == 3

    data = b"".join(chunk.data for chunk in logs.follow(logs.attempts("a", "e"), until=until))
    assert data == b"first\nline 1\nline 2\nline 3\n"


def test_a_task_is_followed_until_its_result_is_there_or_it_is_forgotten(state: SandboxState) -> None:
    log = _attempt(state, "p/d/e/n0/0", "text")
    marker, result = log.with_name(records.MARKER), log.with_name(records.RESULT)
    sources = logs.attempts("a", "e")
    marker.touch()
    assert not logs.ended(sources)
    result.touch()
    assert logs.ended(sources)
    marker.unlink()
    result.unlink()
    assert logs.ended(sources)


def test_a_log_that_was_begun_anew_is_shown_from_its_beginning(state: SandboxState) -> None:
    log = _attempt(state, "p/d/e/n0/0", "a long first line\n")

    def until() -> bool:
        log.write_text("new\n")
        return True

    chunks = [chunk.data for chunk in logs.follow(logs.attempts("a", "e"), until=until)]
    assert chunks == [b"a long first line\n", b"new\n"]
