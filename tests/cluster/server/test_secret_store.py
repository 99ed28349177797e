"""Secrets of tasks as Kubernetes' own."""

from __future__ import annotations

import base64
import threading

import pytest

from sandbox.executors.kubernetes import errors
from sandbox.executors.kubernetes.client import Client
from sandbox.executors.kubernetes.secret_store import KubernetesSecretStore
from sandbox.executors.kubernetes.shared_secrets import SharedSecrets
from sandbox.executors.secrets import SecretName, UnusableSecretError


@pytest.fixture
def store(client: Client, namespace: str) -> KubernetesSecretStore:
    return KubernetesSecretStore(client, namespace)


def values(client: Client, namespace: str, name: str) -> dict[str, bytes]:
    found = client.get(f"/api/v1/namespaces/{namespace}/secrets/{name}").get("data") or {}
    return {key: base64.b64decode(value) for key, value in found.items()}


def test_a_secret_is_put_replaced_listed_and_deleted(
    client: Client, namespace: str, store: KubernetesSecretStore
) -> None:
    assert store.names() == []
    for name, value in (("password", b"old"), ("password", b"new"), ("user", b"\x00\xff")):
        store.put(SecretName("db", name), value)
    assert values(client, namespace, "db") == {"password": b"new", "user": b"\x00\xff"}
    assert store.names() == [SecretName("db", "password"), SecretName("db", "user")]
    assert store.delete(SecretName("db", "password"))
    assert not store.delete(SecretName("db", "password"))
    assert not store.delete(SecretName("nowhere", "password"))
    assert store.delete(SecretName("db", "user"))
    with pytest.raises(errors.NotFound):
        values(client, namespace, "db")


@pytest.mark.parametrize(
    "name",
    [
        SecretName("", "token"),
        SecretName("User_Info", "Pass word"),
        SecretName("ä", "ö"),
        SecretName("A", "b"),
    ],
)
def test_names_are_listed_as_they_were_given(store: KubernetesSecretStore, name: SecretName) -> None:
    store.put(name, b"x")
    store.put(SecretName(name.group, "other"), b"x")
    assert set(store.names()) == {name, SecretName(name.group, "other")}
    assert store.delete(name)
    assert store.names() == [SecretName(name.group, "other")]


def test_a_secret_that_somebody_else_made_is_added_to_and_never_removed(
    client: Client, namespace: str, store: KubernetesSecretStore
) -> None:
    path = f"/api/v1/namespaces/{namespace}/secrets"
    client.create(path, {"metadata": {"name": "theirs"}, "stringData": {"theirs": "1"}})
    store.put(SecretName("theirs", "ours"), b"2")
    assert values(client, namespace, "theirs") == {"theirs": b"1", "ours": b"2"}
    for key in ("ours", "theirs"):
        assert store.delete(SecretName("theirs", key))
    assert values(client, namespace, "theirs") == {}


def test_many_at_once_lose_none(client: Client, namespace: str, store: KubernetesSecretStore) -> None:
    names = [SecretName("many", f"key-{number}") for number in range(12)]
    threads = [threading.Thread(target=store.put, args=(name, name.key.encode())) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert values(client, namespace, "many") == {name.key: name.key.encode() for name in names}


def test_a_namespace_that_is_not_there_is_told(client: Client) -> None:
    with pytest.raises(errors.NotFound, match="r-nowhere"):
        KubernetesSecretStore(client, "r-nowhere").put(SecretName("a", "b"), b"")


@pytest.mark.parametrize("name", [SecretName("a", ""), SecretName("..", "k"), SecretName("a/b", "k")])
def test_what_can_be_no_name_is_refused(store: KubernetesSecretStore, name: SecretName) -> None:
    with pytest.raises(UnusableSecretError):
        store.put(name, b"x")


def test_shared_secrets_are_put_by_several_at_once_and_none_is_lost(client: Client, namespace: str) -> None:
    shared = SharedSecrets(client, namespace)
    names = [SecretName(group, f"key {number}") for group in ("", "db") for number in range(2)]
    threads = [threading.Thread(target=shared.put, args=(name, name.key.encode())) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shared.names() == sorted(names)
    assert {each["metadata"]["name"] for each in shared.objects("elsewhere")} == {"flyte-secrets", "db"}
    assert shared.delete(names[0])
    assert not shared.delete(names[0])
    assert names[0] not in shared.names()


def test_shared_secrets_are_too_large_together(client: Client, namespace: str) -> None:
    shared = SharedSecrets(client, namespace)
    shared.put(SecretName("a", "b"), bytes(400_000))
    with pytest.raises(UnusableSecretError, match="all projects together"):
        shared.put(SecretName("c", "d"), bytes(400_000))
    assert shared.names() == [SecretName("a", "b")]
