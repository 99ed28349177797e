"""When the supervisor starts a component again, and when it gives up."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from sandbox.appliance.embedded import supervisor
from sandbox.appliance.embedded.supervisor import BACKOFF, STABLE_SECONDS, _Child


@pytest.fixture
def child(tmp_path: Path) -> _Child:
    return _Child(_spec(tmp_path))


def _spec(folder: Path) -> dict[str, Any]:
    return {"name": "thing", "record": str(folder / "thing.json"), "needs": None, "pid_files": []}


def test_deaths_in_a_row_are_answered_more_and_more_slowly_and_then_not_at_all(child: _Child) -> None:
    now = 1.0
    delays = []
    for _ in range(len(BACKOFF) + 1):
        child.died(now, "exited with 1")
        if child.start_at is not None:
            delays.append(round(child.start_at - now, 3))
    assert delays == list(BACKOFF)
    assert child.failed
    assert child.start_at is None


def test_a_component_that_lived_long_is_started_again_at_once(child: _Child) -> None:
    for _ in range(5):
        child.died(0.0, "exited with 1")
    child.died(STABLE_SECONDS + 1, "killed by SIGKILL")
    assert child.start_at == STABLE_SECONDS + 1 + BACKOFF[0]
    assert not child.failed


def test_a_wake_forgets_that_it_was_given_up(child: _Child) -> None:
    for _ in range(len(BACKOFF) + 1):
        child.died(0.0, "exited with 1")
    assert child.failed
    child.wake(5.0)
    assert not child.failed
    assert child.start_at == 5.0
    child.died(5.0, "exited with 1")
    assert child.start_at == 5.0 + BACKOFF[0]


def test_what_it_needs_is_waited_for_without_counting_as_a_death(tmp_path: Path) -> None:
    child = _Child({**_spec(tmp_path), "needs": str(tmp_path / "missing")})
    child.wake(1.0)
    child.start_if_due(1.0)
    assert (child.identity, child.start_at, child.restarts, child.failed) == (None, None, 0, False)


def test_the_record_tells_the_last_exit_and_the_number_of_restarts(child: _Child, tmp_path: Path) -> None:
    child.died(0.0, "killed by SIGKILL")
    record = json.loads((tmp_path / "thing.json").read_text())
    assert record == {
        "name": "thing",
        "pid": None,
        "started": None,
        "restarts": 1,
        "failed": False,
        "last_exit": "killed by SIGKILL",
    }


@pytest.mark.parametrize("record", ["", "{}", '{"pid": 1}', '{"pid": 4194304, "started": 1}', "[]", "null"])
def test_a_record_that_names_no_living_process_is_not_adopted(
    child: _Child, tmp_path: Path, record: str
) -> None:
    (tmp_path / "thing.json").write_text(record)
    assert not child.adopt()


def test_a_pid_that_was_used_again_is_not_adopted(child: _Child, tmp_path: Path) -> None:
    (tmp_path / "thing.json").write_text(json.dumps({"pid": os.getpid(), "started": 1}))
    assert not child.adopt()


def test_a_lock_whose_owner_is_dead_is_removed(tmp_path: Path) -> None:
    lock = tmp_path / "postmaster.pid"
    lock.write_text("4194304\n/data\n")
    supervisor._remove_stale(str(lock), str(tmp_path))
    assert not lock.exists()


@pytest.mark.parametrize("content", ["{pid}\n", "", "no number\n"])
def test_a_lock_whose_owner_lives_or_is_unknown_stays(tmp_path: Path, content: str) -> None:
    lock = tmp_path / "postmaster.pid"
    lock.write_text(content.format(pid=os.getpid()))
    supervisor._remove_stale(str(lock), str(tmp_path))
    assert lock.exists()


def test_a_lock_stays_while_anything_works_in_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "postmaster.pid"
    lock.write_text("4194304\n")
    monkeypatch.chdir(tmp_path)
    supervisor._remove_stale(str(lock), str(tmp_path))
    assert lock.exists()


def test_it_imports_nothing_heavy() -> None:
    """Its memory is counted as the sandbox's own."""
    source = Path(supervisor.__file__).read_text()
    imported = {
        line.split()[1].split(".")[0] for line in source.splitlines() if line.startswith(("import ", "from "))
    }
    assert imported <= {
        "__future__",
        "contextlib",
        "errno",
        "json",
        "os",
        "select",
        "signal",
        "sys",
        "time",
        "sandbox",
    }


def test_it_ends_when_its_sandbox_is_deleted_under_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "ABANDONED_SECONDS", 0.01)
    config = tmp_path / "sandbox.json"
    config.write_text('{"components": []}')
    watching = supervisor._Supervisor(str(config))
    assert watching.turn()
    config.unlink()
    assert not watching.turn()
