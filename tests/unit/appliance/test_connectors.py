"""Which connectors a sandbox has."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from sandbox.appliance import connectors
from sandbox.appliance.connectors import Connectors
from sandbox.appliance.embedded import supervisor
from sandbox.appliance.embedded.supervisor import _Child
from sandbox.appliance.errors import UsageError
from sandbox.appliance.options import ConnectorWishes
from sandbox.appliance.pids import identify
from sandbox.appliance.state import SandboxState


@pytest.fixture
def state(tmp_path: Path) -> SandboxState:
    return SandboxState("one", tmp_path)


def test_nothing_asked_for_changes_nothing(state: SandboxState) -> None:
    before = Connectors(elsewhere=("localhost:8000",))
    assert connectors.choose(state, ConnectorWishes(), before) == before


def test_its_own_connector_has_a_port_given_by_the_system_and_keeps_it(state: SandboxState) -> None:
    chosen = connectors.choose(state, ConnectorWishes(own=True, modules=("my.connectors",)), Connectors())
    assert chosen.port
    assert chosen.addresses == [f"127.0.0.1:{chosen.port}"]
    assert connectors.choose(state, ConnectorWishes(), chosen) == chosen


def test_a_port_that_another_program_took_is_changed(state: SandboxState) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        chosen = connectors.choose(state, ConnectorWishes(), Connectors(own=True, port=taken))
    assert chosen.port not in (0, taken)


def test_both_kinds_are_asked_and_its_own_first(state: SandboxState) -> None:
    wishes = ConnectorWishes(own=True, elsewhere=("far.example:443", "[::1]:8000"))
    chosen = connectors.choose(state, wishes, Connectors())
    assert chosen.addresses == [f"127.0.0.1:{chosen.port}", "far.example:443", "[::1]:8000"]


def test_they_can_be_given_up(state: SandboxState) -> None:
    before = Connectors(own=True, modules=("a",), port=5, elsewhere=("localhost:8000",))
    assert connectors.choose(state, ConnectorWishes(own=False, elsewhere=()), before) == Connectors()


@pytest.mark.parametrize("word", ["localhost", "localhost:", ":80", "localhost:99999", "http://a:1", "a b:1"])
def test_what_is_no_address_is_refused(state: SandboxState, word: str) -> None:
    with pytest.raises(UsageError, match="not the address"):
        connectors.choose(state, ConnectorWishes(elsewhere=(word,)), Connectors())


@pytest.mark.parametrize("word", ["my-module", "connectors.py ", "--port", "a..b", "a/b.py"])
def test_what_is_no_module_is_refused(state: SandboxState, word: str) -> None:
    with pytest.raises(UsageError, match="not the name of a module"):
        connectors.choose(state, ConnectorWishes(own=True, modules=(word,)), Connectors())


def test_they_are_kept_as_they_were(state: SandboxState) -> None:
    chosen = Connectors(own=True, modules=("a.b",), port=5, elsewhere=("localhost:8000",))
    assert Connectors.from_json(json.loads(json.dumps(chosen.to_json()))) == chosen
    assert Connectors.from_json({}) == Connectors()


def test_a_component_that_is_configured_no_more_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spec(name: str) -> dict[str, object]:
        return {"name": name, "record": str(tmp_path / name), "needs": None, "pid_files": []}

    config = tmp_path / "sandbox.json"
    config.write_text(json.dumps({"components": [spec("stays"), spec("goes")]}))
    watching = supervisor._Supervisor(str(config))
    stopped: list[str] = []
    monkeypatch.setattr(_Child, "stop", lambda child: stopped.append(child.name))
    monkeypatch.setattr(supervisor, "_spawn", lambda spec: 0)
    monkeypatch.setattr(supervisor, "identify", lambda pid: identify(1))
    watching.reload(1.0)
    config.write_text(json.dumps({"components": [spec("stays")]}))
    watching.reload(2.0)
    assert stopped == ["goes"]
    assert [child.name for child in watching._children] == ["stays"]
