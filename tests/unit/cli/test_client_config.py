"""The client config: what is written, what is left alone, what comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from flytekit.configuration import Config

from sandbox.appliance import client_config
from sandbox.appliance.endpoints import Endpoints
from sandbox.appliance.ports import Ports
from sandbox.appliance.state import SandboxState

ENDPOINTS = Endpoints.of(Ports(edge=31080, object_store=31002, postgres=31001))


@pytest.fixture
def flyte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`~/.flyte`."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home" / ".flyte"


@pytest.fixture
def state(tmp_path: Path) -> SandboxState:
    return SandboxState.locate("sandbox", at=tmp_path / "state")


def test_flytekit_reads_what_was_written(flyte: Path, state: SandboxState) -> None:
    written = client_config.write(state, ENDPOINTS)
    assert written.path == flyte / "config-sandbox.yaml"
    config = Config.auto(str(written.path))
    assert config.platform.endpoint == "localhost:31080"
    assert config.platform.insecure
    assert config.data_config.s3.endpoint == "http://localhost:31002"
    assert config.data_config.s3.access_key_id == "minio"


def test_the_file_is_flytectls(flyte: Path, state: SandboxState) -> None:
    client_config.write(state, ENDPOINTS)
    found = yaml.safe_load((flyte / "config-sandbox.yaml").read_text())
    assert found["admin"] == {"endpoint": "dns:///localhost:31080", "insecure": True}
    assert found["console"] == {"endpoint": "http://localhost:31080"}


def test_without_a_config_of_the_users_clients_need_no_variable(flyte: Path, state: SandboxState) -> None:
    assert client_config.write(state, ENDPOINTS).notes == ()
    assert (flyte / "config.yaml").read_text() == (flyte / "config-sandbox.yaml").read_text()


def test_a_config_of_the_users_is_left_alone_and_it_is_said(flyte: Path, state: SandboxState) -> None:
    flyte.mkdir(parents=True)
    (flyte / "config.yaml").write_text("admin: mine\n")
    written = client_config.write(state, ENDPOINTS)
    assert (flyte / "config.yaml").read_text() == "admin: mine\n"
    assert "FLYTECTL_CONFIG" in written.notes[0]
    client_config.remove(state)
    assert [path.name for path in flyte.iterdir()] == ["config.yaml"]


def test_flytectls_own_file_is_moved_aside_and_comes_back(flyte: Path, state: SandboxState) -> None:
    flyte.mkdir(parents=True)
    own = flyte / "config-sandbox.yaml"
    own.write_text("admin: flytectl's\n")
    written = client_config.write(state, ENDPOINTS)
    assert "was there before" in written.notes[0]
    assert client_config.write(state, ENDPOINTS).notes == ()
    client_config.remove(state)
    assert own.read_text() == "admin: flytectl's\n"


def test_another_sandbox_has_another_file(flyte: Path, state: SandboxState, tmp_path: Path) -> None:
    client_config.write(state, ENDPOINTS)
    before = (flyte / "config.yaml").read_text()
    other = SandboxState.locate("other", at=tmp_path / "state")
    client_config.write(other, Endpoints.of(Ports(edge=32080)))
    assert (flyte / "config-other.yaml").exists()
    assert (flyte / "config.yaml").read_text() == before
    client_config.remove(other)
    assert (flyte / "config-sandbox.yaml").exists()


def test_what_another_state_directory_wrote_is_not_removed(
    flyte: Path, state: SandboxState, tmp_path: Path
) -> None:
    client_config.write(state, ENDPOINTS)
    assert client_config.remove(SandboxState.locate("sandbox", at=tmp_path / "elsewhere")) == ()
    assert (flyte / "config-sandbox.yaml").exists()


def test_removing_leaves_nothing(flyte: Path, state: SandboxState) -> None:
    client_config.write(state, ENDPOINTS)
    client_config.remove(state)
    assert list(flyte.iterdir()) == []


def test_without_a_home_it_is_said(state: SandboxState, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    written = client_config.write(state, ENDPOINTS)
    assert written.path is None
    assert "HOME is not set" in written.notes[0]


def test_a_home_that_is_no_folder_is_said(
    state: SandboxState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    written = client_config.write(state, ENDPOINTS)
    assert written.path is None
    assert "can't be written" in written.notes[0]


def test_the_variables_say_the_same(flyte: Path, state: SandboxState) -> None:
    assert "FLYTECTL_CONFIG" not in client_config.variables(state, ENDPOINTS)
    client_config.write(state, ENDPOINTS)
    found = client_config.variables(state, ENDPOINTS)
    assert found["FLYTECTL_CONFIG"] == str(flyte / "config-sandbox.yaml")
    assert "FLYTE_INTERNAL_IMAGE" not in found
    assert client_config.variables(state, ENDPOINTS, "a:1")["FLYTE_INTERNAL_IMAGE"] == "a:1"
    assert found["FLYTE_PLATFORM_URL"] == "localhost:31080"
    assert found["FLYTE_AWS_ENDPOINT"] == "http://localhost:31002"
