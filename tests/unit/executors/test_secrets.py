"""Secrets: kept so that only their owner reads them, given as flytekit looks them up."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest
from flyteidl.core import security_pb2
from flytekit.configuration import SecretsConfig
from flytekit.core.context_manager import SecretsManager

from sandbox.executors import secrets
from sandbox.executors.process.runner import records
from sandbox.executors.process.runner import secrets as files
from sandbox.executors.secrets import Grant, SecretName, SecretStore

Secret = security_pb2.Secret


@pytest.fixture
def store(tmp_path: Path) -> SecretStore:
    return SecretStore(tmp_path / "store", flags=" --name mine")


def granted(store: SecretStore, *wanted: security_pb2.Secret) -> Grant:
    return secrets.grant(wanted, store, Path("/attempt/secrets"))


def found(
    grant: Grant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *name: str, env_only: bool = False
) -> str:
    """What flytekit's own lookup finds of a grant, by variables or (if there are none) by files."""
    files.write(
        str(tmp_path), {path: base64.b64encode(value).decode() for path, value in grant.files.items()}
    )
    for variable, value in grant.env.items():
        if env_only or not variable.startswith("_FSEC_"):
            monkeypatch.setenv(variable, value)
    manager = SecretsManager(SecretsConfig(default_dir=str(tmp_path / records.SECRETS)))
    group, key, *version = name
    return manager.get(group or None, key, *version)


def test_values_lie_where_only_their_owner_reads_them(store: SecretStore, tmp_path: Path) -> None:
    store.put(SecretName("Data base", "pass/word"), b"s3cret")
    (path,) = (path for path in (tmp_path / "store").rglob("*") if path.is_file())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (path.parent, path.parent.parent)} == {0o700}
    assert store.names() == [SecretName("Data base", "pass/word")]
    assert store.find("Data base", "pass/word") == b"s3cret"


def test_a_secret_is_replaced_and_deleted(store: SecretStore) -> None:
    name = SecretName("", "token")
    store.put(name, b"old")
    store.put(name, b"new")
    assert (store.names(), store.find("", "token")) == ([name], b"new")
    assert store.delete(name)
    assert not store.delete(name)
    assert (store.names(), store.find("", "token")) == ([], None)


@pytest.mark.parametrize("name", [SecretName("..", "key"), SecretName("group", "."), SecretName("group", "")])
def test_names_that_are_none_are_refused(store: SecretStore, name: SecretName) -> None:
    with pytest.raises(secrets.UnusableSecretError):
        store.put(name, b"value")


def test_a_value_over_the_limit_is_refused(store: SecretStore) -> None:
    with pytest.raises(secrets.UnusableSecretError, match="1048577"):
        store.put(SecretName("g", "k"), bytes(secrets.MAX_BYTES + 1))


@pytest.mark.parametrize("mount", [Secret.ANY, Secret.ENV_VAR, Secret.FILE])
@pytest.mark.parametrize(("group", "key"), [("db", "password"), ("Data-Base", "PassWord"), ("", "Token")])
@pytest.mark.parametrize("version", ["", "V2"])
def test_flytekit_finds_what_was_asked_for(
    store: SecretStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mount: int,
    group: str,
    key: str,
    version: str,
) -> None:
    store.put(SecretName(group, key), b"s3cret\n")
    grant = granted(store, Secret(group=group, key=key, group_version=version, mount_requirement=mount))
    by_variable = mount != Secret.FILE
    for looked_up in {(group, key), (group, key, version) if version else (group, key)}:
        assert found(grant, tmp_path, monkeypatch, *looked_up, env_only=by_variable) == "s3cret"
    assert bool(grant.files) is (mount != Secret.ENV_VAR)


def test_a_request_without_a_preference_gets_variable_and_file(store: SecretStore) -> None:
    store.put(SecretName("db", "password"), b"s3cret")
    grant = granted(store, Secret(group="db", key="password"))
    assert grant.env["_FSEC_DB_PASSWORD"] == "s3cret"
    assert grant.files == {"db/password": b"s3cret"}
    assert grant.env["FLYTE_SECRETS_DEFAULT_DIR"] == "/attempt/secrets"
    assert "s3cret" not in repr(grant)


def test_a_variable_of_ones_own_holds_the_value_or_the_path(store: SecretStore) -> None:
    store.put(SecretName("db", "password"), b"s3cret")
    own = {"group": "db", "key": "password", "env_var": "PGPASSWORD"}
    assert granted(store, Secret(**own, mount_requirement=Secret.ENV_VAR)).env["PGPASSWORD"] == "s3cret"
    by_file = granted(store, Secret(**own, mount_requirement=Secret.FILE)).env
    assert by_file["PGPASSWORD"] == "/attempt/secrets/db/password"


def test_bytes_that_are_no_text_come_as_a_file_only(store: SecretStore) -> None:
    store.put(SecretName("tls", "key"), b"\xff\x00")
    grant = granted(store, Secret(group="tls", key="key"))
    assert grant.files == {"tls/key": b"\xff\x00"}
    assert not [name for name in grant.env if name.startswith("_FSEC_")]
    with pytest.raises(secrets.UnusableSecretError, match="FILE"):
        granted(store, Secret(group="tls", key="key", mount_requirement=Secret.ENV_VAR))


def test_a_group_without_a_key_means_all_of_its_keys(store: SecretStore) -> None:
    store.put(SecretName("db", "user"), b"me")
    store.put(SecretName("db", "password"), b"s3cret")
    assert set(granted(store, Secret(group="db")).files) == {"db/user", "db/password"}


def test_a_missing_secret_is_named_with_the_command_that_sets_it(store: SecretStore) -> None:
    with pytest.raises(secrets.MissingSecretError, match="`sandbox secret set db password --name mine`"):
        granted(store, Secret(group="db", key="password"))
    with pytest.raises(secrets.MissingSecretError, match="`sandbox secret set token --name mine`"):
        granted(store, Secret(key="token"))


@pytest.mark.parametrize("name", ["../../etc", "a/b", ".."])
def test_no_request_reaches_outside(store: SecretStore, name: str) -> None:
    with pytest.raises((secrets.UnusableSecretError, secrets.MissingSecretError)):
        granted(store, Secret(group=name, key="key"))
    store.put(SecretName("a/b", "key"), b"value")
    with pytest.raises((secrets.UnusableSecretError, secrets.MissingSecretError)):
        granted(store, Secret(group=name, key="key"))


def test_what_task_and_execution_both_ask_for_is_given_once() -> None:
    one = security_pb2.SecurityContext(secrets=[Secret(group="a", key="b"), Secret(group="c", key="d")])
    other = security_pb2.SecurityContext(secrets=[Secret(group="c", key="d"), Secret(group="e", key="f")])
    assert [secret.group for secret in secrets.requested(one, other)] == ["a", "c", "e"]


def test_the_files_of_an_attempt_are_its_own_and_go_with_it(tmp_path: Path) -> None:
    files.write(str(tmp_path), {"db/password": "czNjcmV0"})
    path = tmp_path / records.SECRETS / "db" / "password"
    assert path.read_bytes() == b"s3cret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / records.SECRETS).stat().st_mode) == 0o700
    files.remove(str(tmp_path))
    files.remove(str(tmp_path))
    assert not (tmp_path / records.SECRETS).exists()


def test_names_that_no_file_or_variable_can_have_harm_nobody(store: SecretStore) -> None:
    with pytest.raises(secrets.UnusableSecretError, match="200"):
        store.put(SecretName("g", "k" * 300), b"value")
    with pytest.raises(secrets.MissingSecretError):
        granted(store, Secret(group="g", key="k" * 300))
    store.put(SecretName("g", "a=b"), b"value")
    assert granted(store, Secret(group="g", key="a=b")).files == {"g/a=b": b"value"}
    with pytest.raises(secrets.UnusableSecretError, match="FILE"):
        granted(store, Secret(group="g", key="a=b", mount_requirement=Secret.ENV_VAR))
    with pytest.raises(secrets.UnusableSecretError, match="variable"):
        granted(store, Secret(group="g", key="a=b", env_var="A=B"))
