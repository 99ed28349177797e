"""A whole sandbox, as `sandbox start` makes it: real processes on free ports."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.appliance import boot, canary, pids, processes, shutdown, status
from sandbox.appliance.boot import Running
from sandbox.appliance.embedded import records
from sandbox.appliance.embedded.components import CONTROL_PLANE, OBJECT_STORE, POSTGRES, SUPERVISOR
from sandbox.appliance.errors import CanaryFailed, ComponentFailed, NotFound, PreflightFailed, UsageError
from sandbox.appliance.options import StartOptions
from sandbox.appliance.ports import PortWishes
from sandbox.appliance.progress import StepTiming
from sandbox.appliance.state import SandboxState
from sandbox.appliance.status import Health
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(120)

_TIMEOUT = 60.0


def _options(name: str, **more: object) -> StartOptions:
    return StartOptions(name=name, profile="embedded", timeout=_TIMEOUT, client_config=False, **more)  # type: ignore[arg-type]


class _Recorder:
    """A `Progress` that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def step_started(self, name: str, title: str) -> None:
        self.events.append(f"start {name}")

    def step_finished(self, step: StepTiming) -> None:
        self.events.append(f"finish {step.name}")

    def step_failed(self, step: StepTiming, error: Exception) -> None:
        self.events.append(f"fail {step.name}")

    def note(self, message: str) -> None:
        self.events.append("note")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("home")
    before = os.environ.get("SANDBOX_HOME")
    os.environ["SANDBOX_HOME"] = str(folder)
    yield folder
    if before is None:
        del os.environ["SANDBOX_HOME"]
    else:
        os.environ["SANDBOX_HOME"] = before


@pytest.fixture(scope="module")
def running(home: Path) -> Iterator[Running]:
    """One sandbox for the tests that leave it as they found it: running."""
    yield boot.start(_options("shared"))
    shutdown.teardown("shared", volume=True)


def _identity(name: str, component: str) -> pids.Identity:
    record = records.of(SandboxState.locate(name), component)
    assert record is not None
    assert record.identity is not None
    return record.identity


def _healthy(name: str) -> bool:
    return status.inspect(name).healthy


def _fly(running: Running) -> None:
    canary.run(running.endpoints, deadline=time.monotonic() + _TIMEOUT)


def _processes_of(name: str) -> list[pids.Identity]:
    root = SandboxState.locate(name).root
    return processes.with_environment(f"SANDBOX_STATE={root}")


def test_a_start_reports_every_step_in_order_and_ends_ready(home: Path) -> None:
    recorder = _Recorder()
    try:
        running = boot.start(_options("steps"), recorder)
        names = ["preflight", "layout", "supervisor", "postgres", "object_store", "control_plane", "canary"]
        assert [event for event in recorder.events if event != "note"] == [
            event for name in names for event in (f"start {name}", f"finish {name}")
        ]
        assert running.ready
        assert not running.already_running
        assert [step.name for step in running.steps] == names
        assert all(step.detail for step in running.steps)
    finally:
        shutdown.teardown("steps", volume=True)


def test_a_running_sandbox_is_healthy_and_answers_on_its_ports(running: Running) -> None:
    report = status.inspect("shared")
    assert report.healthy
    assert [component.health for component in report.components] == [Health.HEALTHY] * 4
    assert all(component.memory > 2**20 for component in report.components)
    assert report.disk > 20 * 2**20
    with urllib.request.urlopen(running.endpoints.console, timeout=10) as page:
        assert page.status == 200


def test_an_idle_sandbox_stays_within_its_memory_budget(running: Running) -> None:
    assert status.inspect("shared").memory < 200 * 2**20


def test_the_supervisor_itself_is_small(running: Running) -> None:
    assert processes.memory(_identity("shared", SUPERVISOR).pid) < 10 * 2**20


def test_a_second_start_only_verifies(running: Running) -> None:
    before = {name: _identity("shared", name) for name in (SUPERVISOR, CONTROL_PLANE, POSTGRES, OBJECT_STORE)}
    again = boot.start(_options("shared"))
    assert again.already_running
    assert again.ready
    assert again.endpoints == running.endpoints
    assert {name: _identity("shared", name) for name in before} == before


def test_starts_at_the_same_time_make_one_sandbox(home: Path) -> None:
    results: list[Running] = []
    threads = [
        threading.Thread(target=lambda: results.append(boot.start(_options("crowd")))) for _ in range(3)
    ]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(result.already_running for result in results) == [False, True, True]
        assert len({result.endpoints for result in results}) == 1
    finally:
        shutdown.teardown("crowd", volume=True)


def test_two_sandboxes_run_side_by_side(running: Running) -> None:
    other = boot.start(_options("other"))
    try:
        assert other.endpoints.target != running.endpoints.target
        _fly(running)
        _fly(other)
        assert [report.name for report in status.inspect_all()] == ["other", "shared"]
    finally:
        shutdown.teardown("other", volume=True)
    _fly(running)


@pytest.mark.parametrize("component", [CONTROL_PLANE, POSTGRES, OBJECT_STORE])
def test_a_component_that_is_killed_comes_back_by_itself(running: Running, component: str) -> None:
    victim = _identity("shared", component)
    os.kill(victim.pid, signal.SIGKILL)
    eventually(lambda: not pids.is_alive(victim), timeout=10)
    eventually(lambda: _identity("shared", component) != victim and _healthy("shared"), timeout=30)
    eventually(lambda: _flies(running), timeout=30)


def _flies(running: Running) -> bool:
    try:
        _fly(running)
    except CanaryFailed:
        return False
    return True


def test_a_dead_supervisor_is_replaced_by_one_that_adopts_the_rest(running: Running) -> None:
    components = {name: _identity("shared", name) for name in (CONTROL_PLANE, POSTGRES, OBJECT_STORE)}
    victim = _identity("shared", SUPERVISOR)
    os.kill(victim.pid, signal.SIGKILL)
    eventually(lambda: not pids.is_alive(victim), timeout=10)
    _fly(running)
    again = boot.start(_options("shared"))
    assert again.ready
    assert _identity("shared", SUPERVISOR) != victim
    assert {name: _identity("shared", name) for name in components} == components
    adopted = components[OBJECT_STORE]
    os.kill(adopted.pid, signal.SIGKILL)
    eventually(lambda: not pids.is_alive(adopted), timeout=10)
    eventually(lambda: _identity("shared", OBJECT_STORE) != adopted and _healthy("shared"), timeout=30)


def test_everything_killed_at_once_comes_back_with_the_next_start(home: Path) -> None:
    first = boot.start(_options("phoenix"))
    try:
        for identity in [_identity("phoenix", SUPERVISOR), *_processes_of("phoenix")]:
            pids.send(identity, signal.SIGKILL)
        eventually(lambda: _processes_of("phoenix") == [], timeout=10)
        second = boot.start(_options("phoenix"))
        assert not second.already_running
        assert second.endpoints == first.endpoints
        assert _healthy("phoenix")
    finally:
        shutdown.teardown("phoenix", volume=True)


def test_stop_ends_every_process_and_start_finds_the_data_again(home: Path) -> None:
    first = boot.start(_options("nap"))
    try:
        flight = canary.run(first.endpoints, deadline=time.monotonic() + _TIMEOUT)
        stopped = shutdown.stop("nap")
        assert stopped.was_running
        assert set(stopped.processes) >= {CONTROL_PLANE, OBJECT_STORE, POSTGRES, SUPERVISOR}
        assert _processes_of("nap") == []
        assert not status.inspect("nap").running
        second = boot.start(_options("nap"))
        assert second.endpoints == first.endpoints
        assert canary.exists(second.endpoints, flight.execution)
    finally:
        shutdown.teardown("nap", volume=True)


def test_teardown_leaves_no_process_port_or_file(home: Path) -> None:
    running = boot.start(_options("gone"))
    root, place = running.state, (running.state / "postgres").resolve()
    torn = shutdown.teardown("gone", volume=True)
    assert torn.kept == ()
    assert _processes_of("gone") == []
    assert not root.exists()
    assert not place.exists()
    port = int(running.endpoints.target.rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    with pytest.raises(NotFound):
        status.inspect("gone")


def test_teardown_without_volume_keeps_the_data_and_nothing_else(home: Path) -> None:
    first = boot.start(_options("kept"))
    flight = canary.run(first.endpoints, deadline=time.monotonic() + _TIMEOUT)
    torn = shutdown.teardown("kept")
    try:
        assert {path.name for path in torn.kept} == {"postgres", "objects"}
        assert {path.name for path in first.state.iterdir()} == {"postgres", "objects"}
        second = boot.start(_options("kept"))
        assert canary.exists(second.endpoints, flight.execution)
    finally:
        shutdown.teardown("kept", volume=True)


def test_a_taken_port_is_named_with_its_holder_and_nothing_stays_behind(home: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PreflightFailed) as failed:
            boot.start(_options("blocked", ports=PortWishes(edge=port)))
    assert str(port) in failed.value.cause
    assert f"pid {os.getpid()}" in failed.value.cause
    assert "--edge-port" in failed.value.remedy
    assert not (home / "blocked").exists()


def test_a_boot_that_fails_half_way_stops_what_it_had_started(home: Path) -> None:
    state = SandboxState.locate("halfway")
    state.create()
    (state.sockets / "grpc.sock").mkdir()  # the control plane can't listen there
    recorder = _Recorder()
    with pytest.raises(ComponentFailed) as failed:
        boot.start(_options("halfway"), recorder)
    assert "control-plane" in failed.value.what
    assert "grpc.sock" in failed.value.cause
    assert recorder.events[-1] == "fail control_plane"
    assert _processes_of("halfway") == []
    assert not status.inspect("halfway").running
    shutdown.teardown("halfway", volume=True)


def test_other_ports_for_a_running_sandbox_are_refused(running: Running) -> None:
    with pytest.raises(UsageError, match="running on other ports"):
        boot.start(
            _options("shared", ports=PortWishes(edge=1 + int(running.endpoints.target.rpartition(":")[2])))
        )


def test_a_changed_configuration_restarts_the_control_plane_only(running: Running) -> None:
    before = {name: _identity("shared", name) for name in (CONTROL_PLANE, POSTGRES, OBJECT_STORE)}
    again = boot.start(_options("shared", env={"GREETING": "hello"}))
    assert again.ready
    assert any("restarted" in note for note in again.notes)
    assert _identity("shared", CONTROL_PLANE) != before[CONTROL_PLANE]
    assert _identity("shared", POSTGRES) == before[POSTGRES]
    assert SandboxState.locate("shared").load().env == {"GREETING": "hello"}


def test_a_dry_run_touches_nothing(home: Path) -> None:
    would = boot.start(_options("dry", dry_run=True))
    assert not would.ready
    assert [step.name for step in would.steps][:3] == ["preflight", "layout", "supervisor"]
    assert not (home / "dry").exists()


def test_what_does_not_exist_can_not_be_stopped(home: Path) -> None:
    with pytest.raises(NotFound):
        shutdown.stop("nobody")
    with pytest.raises(NotFound):
        shutdown.teardown("nobody")
    assert not (home / "nobody").exists()
