"""Every command against a real sandbox: what it prints, what it refuses, what it leaves behind."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from flyteidl.admin import task_pb2
from flyteidl.core import identifier_pb2, tasks_pb2

from sandbox.appliance import pids
from tests.sandboxes import Sandbox
from tests.waiting import eventually


def _fails(sandbox: Sandbox, *words: str, cwd: Path | None = None) -> str:
    done = sandbox.run(*words, check=False, cwd=cwd)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr + done.stdout
    assert "Remedy" in done.stderr
    return done.stderr


def test_status_shows_components_addresses_and_costs(sandbox: Sandbox) -> None:
    shown = sandbox.run("status", "--name", sandbox.name).stdout
    for word in ("healthy", "PostgreSQL", "Object store", "Control plane", "Console", "MiB"):
        assert word in shown
    found = sandbox.status()
    assert found["healthy"] is True
    assert {part["name"] for part in found["components"]} >= {"postgres", "object-store", "control-plane"}


def test_exports_point_any_client_to_the_sandbox(sandbox: Sandbox) -> None:
    for words in (("status", "-o", "env"), ("config", "--env")):
        exports = sandbox.run(*words, "--name", sandbox.name).stdout
        assert f"export FLYTECTL_CONFIG={sandbox.client_config}" in exports
        assert "export FLYTE_AWS_ENDPOINT=http://localhost:" in exports


def test_exec_sets_the_variables_and_passes_the_exit_code(sandbox: Sandbox) -> None:
    shown = sandbox.run("exec", "--name", sandbox.name, "--", "env").stdout
    assert f"FLYTECTL_CONFIG={sandbox.client_config}" in shown
    assert (
        sandbox.run("exec", "--name", sandbox.name, "--", "sh", "-c", "exit 7", check=False).returncode == 7
    )
    assert "no command 'nosuch-program'" in _fails(
        sandbox, "exec", "--name", sandbox.name, "--", "nosuch-program"
    )


def test_logs_of_components_are_shown(sandbox: Sandbox) -> None:
    everything = sandbox.run("logs", "--name", sandbox.name).stdout
    assert "==> postgres <==" in everything
    assert "has no logs" in _fails(sandbox, "logs", "--name", sandbox.name, "nosuch")
    assert sandbox.run("logs", "--name", sandbox.name, "postgres", "-n", "1").stdout.count("\n") == 1


def test_a_project_is_created_once(sandbox: Sandbox) -> None:
    create = ("create", "project", "--sandbox", sandbox.name, "--id", "new-project", "--name", "New")
    assert "Created the project new-project" in sandbox.run(*create).stdout
    assert "new-project" in _fails(sandbox, *create)
    assert "can't be a project's id" in _fails(
        sandbox, "create", "project", "--sandbox", sandbox.name, "--id", "Not An Id"
    )


@pytest.mark.parametrize("content", [b"", b"no archive at all", b"\x1f\x8b\x08\x00\x00\x00\x00\x00"])
def test_a_broken_archive_is_refused_in_one_message(sandbox: Sandbox, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p.tgz").write_bytes(content)
    words = ("register", "files", "--name", sandbox.name, "--archive", "p.tgz", "--version", "v1")
    assert "is broken" in _fails(sandbox, *words, cwd=tmp_path)


def test_a_project_without_requirements_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    words = ("build", str(tmp_path), "--tag", "a:1", "--name", sandbox.name)
    assert "requirements.txt" in _fails(sandbox, *words)


def test_requirements_that_cannot_be_met_show_the_installers_words(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("flytekit==1.16.0\nflytekit==1.15.0\n")
    said = _fails(sandbox, "build", str(tmp_path), "--tag", "a:1", "--name", sandbox.name)
    assert "No solution found" in said


def test_starting_again_only_verifies(sandbox: Sandbox) -> None:
    before = sandbox.status()
    assert sandbox.start()["already_running"] is True
    after = sandbox.status()
    assert [part["pid"] for part in before["components"]] == [part["pid"] for part in after["components"]]


def test_the_doctor_finds_nothing_bad(sandbox: Sandbox) -> None:
    done = sandbox.run("doctor", "--name", sandbox.name, "-o", "json")
    assert [one for one in json.loads(done.stdout) if one["verdict"] == "bad"] == []


def test_the_console_answers_at_the_address_that_is_printed(sandbox: Sandbox) -> None:
    address = sandbox.run("console", "--name", sandbox.name, "--no-browser").stdout.strip()
    assert address == sandbox.status()["endpoints"]["console"]


def test_a_taken_port_is_named_with_its_holder(tmp_path: Path) -> None:
    other = Sandbox(tmp_path, "taken")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        said = _fails(other, "start", "--profile", "embedded", "--name", "taken", "--port", str(port))
    assert str(port) in said
    assert "pid" in said
    assert not (tmp_path / "sandboxes" / "taken").exists()


def test_a_sandbox_that_holds_the_port_is_called_by_its_name(sandbox: Sandbox) -> None:
    port = sandbox.status()["endpoints"]["console"].split(":")[2].split("/")[0]
    said = _fails(sandbox, "start", "--profile", "embedded", "--name", "rival", "--port", port)
    assert f"held by the sandbox {sandbox.name!r}, pid" in said
    assert not (sandbox.folder / "sandboxes" / "rival").exists()


@pytest.mark.parametrize("source", ["nowhere", "file.txt"])
def test_a_source_that_is_no_folder_is_refused_before_anything_is_started(
    tmp_path: Path, source: str
) -> None:
    other = Sandbox(tmp_path, "sourceless")
    (tmp_path / "file.txt").touch()
    said = _fails(
        other, "start", "--profile", "embedded", "--name", "sourceless", "--source", str(tmp_path / source)
    )
    assert source in said
    assert not (tmp_path / "sandboxes" / "sourceless").exists()


def test_a_damaged_state_file_is_refused_until_it_is_torn_down(tmp_path: Path) -> None:
    other = Sandbox(tmp_path, "damaged")
    other.start()
    (tmp_path / "sandboxes" / "damaged" / "sandbox.json").write_text('{"format": 1, "name"')
    try:
        assert "`sandbox teardown --name damaged`" in _fails(other, "status", "--name", "damaged")
        assert "sandbox.json can't be read" in _fails(other, "start", "--name", "damaged")
    finally:
        other.teardown()
    assert not (tmp_path / "sandboxes" / "damaged").exists()


def test_registering_where_nothing_runs_is_one_message(tmp_path: Path) -> None:
    other = Sandbox(tmp_path, "gone")
    other.start()
    try:
        other.run("stop", "--name", "gone")
        package = tmp_path / "0_a_1.pb"
        package.write_bytes(task_pb2.TaskSpec(template=_template()).SerializeToString())
        said = _fails(other, "register", "files", "--name", "gone", "--version", "v1", str(package))
        assert "does not answer" in said
    finally:
        other.teardown()


def _template() -> tasks_pb2.TaskTemplate:
    name = identifier_pb2.Identifier(resource_type=identifier_pb2.TASK, name="a")
    return tasks_pb2.TaskTemplate(id=name, type="python-task")


def test_what_cannot_be_run_is_not_looked_for_on_the_path(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "script").touch(mode=0o644)
    said = _fails(sandbox, "exec", "--name", sandbox.name, "--", str(tmp_path / "script"))
    assert "not executable" in said


def test_an_interrupted_start_leaves_no_process_and_can_be_repeated_twice_at_once(tmp_path: Path) -> None:
    other = Sandbox(tmp_path, "hasty")
    words = [sys.executable, "-m", "sandbox.cli", "start", "--profile", "embedded", "--name", "hasty"]

    def begin() -> subprocess.Popen[str]:
        return subprocess.Popen(
            words, env=other.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    first = begin()
    record = tmp_path / "sandboxes" / "hasty" / "run" / "supervisor.json"
    eventually(record.exists, timeout=30)
    told = json.loads(record.read_text())
    supervisor = pids.Identity(told["pid"], told["started"])
    first.send_signal(signal.SIGINT)
    said, _ = first.communicate(timeout=60)
    assert first.returncode == 130
    assert "Interrupted." in said
    assert "Traceback" not in said
    assert not pids.is_alive(supervisor)
    try:
        both = [begin(), begin()]
        answers = [process.communicate(timeout=120)[0] for process in both]
        assert [process.returncode for process in both] == [0, 0]
        assert sorted("was running" in text for text in answers) == [False, True]
    finally:
        other.teardown()


def test_teardown_leaves_nothing(tmp_path: Path) -> None:
    other = Sandbox(tmp_path, "short-lived")
    started = other.start()
    ports = [
        int(str(url).rsplit(":", 1)[1].split("/")[0])
        for url in (started["endpoints"]["console"], started["endpoints"]["object_store"])
    ]
    other.teardown()
    assert [path for path in (tmp_path / "home").rglob("*") if path.is_file()] == []
    assert not (tmp_path / "sandboxes" / "short-lived").exists()
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
