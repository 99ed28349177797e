"""Where a sandbox lives, what its file says, and who may work on it."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.appliance import state
from sandbox.appliance.errors import HomeUnusable, NotFound, TimedOut, UsageError
from sandbox.appliance.ports import Ports
from sandbox.appliance.state import SandboxConfig, SandboxState
from tests.waiting import eventually

_CONFIG = SandboxConfig(
    name="one",
    profile="embedded",
    ports=Ports(1, 2, 3),
    created_at=1.5,
    version="0.1.0",
    env={"A": "1"},
    source="/source",
    enforce_limits=True,
    offload_from=10,
    server={"name": "one"},
    components=[{"name": "postgres"}],
)


def test_the_home_is_named_by_the_environment_or_lies_in_the_users(tmp_path: Path) -> None:
    assert state.home({"SANDBOX_HOME": str(tmp_path), "HOME": "/home/ada"}) == tmp_path
    assert state.home({"HOME": "/home/ada"}) == Path("/home/ada/.flyte/appliance")


@pytest.mark.parametrize("environ", [{}, {"HOME": ""}, {"HOME": "", "SANDBOX_HOME": ""}])
def test_without_any_home_the_user_is_told_to_name_one(environ: dict[str, str]) -> None:
    with pytest.raises(HomeUnusable) as failed:
        state.home(environ)
    assert "SANDBOX_HOME" in failed.value.remedy


def test_a_home_that_can_not_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    sandbox = SandboxState.locate("one", at=tmp_path / "file" / "below")
    with pytest.raises(HomeUnusable, match="can't keep the sandbox in"):
        sandbox.create()
    with pytest.raises(HomeUnusable, match="can't keep the sandbox in"), sandbox.locked(timeout=1):
        pass


def test_a_home_where_nothing_can_be_made_is_no_endless_wait() -> None:
    sandbox = SandboxState.locate("one", at=Path("/proc/nowhere"))
    with pytest.raises(HomeUnusable, match="can't keep the sandbox in"), sandbox.locked(timeout=60):
        pass


@pytest.mark.parametrize("name", ["", "A", "-a", "a-", "a/b", "..", "a" * 41, "a b", "ä", "a\n"])
def test_a_name_that_is_no_folder_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        SandboxState.locate(name, at=tmp_path)


def test_the_configuration_survives_the_file_and_is_its_owners_secret(tmp_path: Path) -> None:
    sandbox = SandboxState.locate("one", at=tmp_path)
    sandbox.create()
    sandbox.save(_CONFIG)
    assert sandbox.load() == _CONFIG
    assert sandbox.config_path.stat().st_mode & 0o077 == 0
    sandbox.save(replace(_CONFIG, env={}))
    assert sandbox.load().env == {}
    assert [path.name for path in sandbox.root.iterdir() if path.name.startswith(".")] == []


def test_a_sandbox_that_never_was_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        SandboxState.locate("one", at=tmp_path).load()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 0}', '{"format": 1}', '{"format": 1, "name": 3}']
)
def test_a_damaged_file_says_how_to_get_rid_of_it(tmp_path: Path, text: str) -> None:
    sandbox = SandboxState.locate("one", at=tmp_path)
    sandbox.create()
    sandbox.config_path.write_text(text)
    with pytest.raises(UsageError) as failed:
        sandbox.load()
    assert "teardown" in failed.value.remedy


def test_all_sandboxes_of_a_home_are_known_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_HOME", str(tmp_path))
    assert SandboxState.known() == []
    for name in ("b", "a"):
        sandbox = SandboxState.locate(name)
        sandbox.create()
        sandbox.save(_CONFIG)
    (tmp_path / "no-sandbox").mkdir()
    assert [sandbox.name for sandbox in SandboxState.known()] == ["a", "b"]


def test_sockets_move_to_a_short_path_when_theirs_is_too_long(tmp_path: Path) -> None:
    assert SandboxState("s", Path("/short/s")).sockets == Path("/short/s/run")
    long = SandboxState("s", Path("/") / ("x" * 90) / "s")
    assert len(str(long.sockets)) < 80
    assert long.sockets != SandboxState("s", Path("/") / ("y" * 90) / "s").sockets


def test_a_lock_lets_one_in_at_a_time(tmp_path: Path) -> None:
    sandbox = SandboxState.locate("one", at=tmp_path)
    with sandbox.locked(timeout=5), pytest.raises(TimedOut, match="busy"), sandbox.locked(timeout=0.05):
        pass
    with sandbox.locked(timeout=5):
        pass


def test_who_waited_for_a_lock_while_the_directory_was_removed_gets_the_new_one(tmp_path: Path) -> None:
    sandbox = SandboxState.locate("one", at=tmp_path)
    inside: list[bool] = []

    def wait() -> None:
        with sandbox.locked(timeout=10):
            inside.append(sandbox.root.is_dir())

    with sandbox.locked(timeout=5):
        waiter = threading.Thread(target=wait)
        waiter.start()
        eventually(lambda: _open_directories(sandbox.root) >= 2, timeout=5)
        sandbox.root.rmdir()
    waiter.join()
    assert inside == [True]


def test_a_replacement_is_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "file"
    state.write_atomically(path, b"old")
    with pytest.raises(TypeError):
        state.write_atomically(path, "not bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert json.dumps(os.listdir(tmp_path)) == '["file"]'


def _open_directories(path: Path) -> int:
    return sum(
        os.path.realpath(f"/proc/self/fd/{descriptor}") == str(path)
        for descriptor in os.listdir("/proc/self/fd")
    )
