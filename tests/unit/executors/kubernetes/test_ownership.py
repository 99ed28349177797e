"""What is written on an object tells whose it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flyteidl.core import security_pb2
from hypothesis import given
from hypothesis import strategies as st

from sandbox.executors.kubernetes import kinds, ownership, secret_marks
from sandbox.executors.kubernetes.settings import KubernetesSettings
from sandbox.idl.identifiers import AttemptKey, ExecutionId, UniqueNodeId
from tests.unit.executors.kubernetes import requests

SETTINGS = KubernetesSettings()


@given(st.text(), st.text(), st.integers(min_value=0))
def test_any_attempt_is_found_by_its_object(name: str, node: str, attempt: int) -> None:
    key = AttemptKey(ExecutionId("p", "d", name), UniqueNodeId(node), attempt)
    request = replace(requests.of(requests.container()), key=key)
    assert ownership.key_of({"metadata": ownership.metadata(request, SETTINGS)}) == key


@pytest.mark.parametrize("text", ["", "{}", "[1]", "no json", '["p","d","e","n","x"]', "null"])
def test_what_is_no_attempts_belongs_to_none(text: str) -> None:
    assert ownership.key_of({"metadata": {"annotations": {ownership.ATTEMPT: text}}}) is None


def test_an_object_stays_until_it_is_forgotten_unless_that_is_not_wanted() -> None:
    request = requests.of(requests.container())
    assert ownership.metadata(request, SETTINGS)["finalizers"] == ["flyte.org/finalizer-k8s"]
    assert "finalizers" not in ownership.metadata(request, replace(SETTINGS, inject_finalizer=False))


def test_the_webhook_learns_which_secrets_are_asked_for() -> None:
    wanted = (
        security_pb2.Secret(group="db", key="password", mount_requirement=security_pb2.Secret.FILE),
        *(security_pb2.Secret(group="g", key=f"k{number}") for number in range(11)),
    )
    metadata = ownership.metadata(requests.of(requests.container(), secrets=wanted), SETTINGS)
    assert metadata["labels"]["inject-flyte-secrets"] == "true"
    assert secret_marks.read(metadata["annotations"]) == wanted


def test_the_description_of_a_secret_is_as_flyte_writes_it() -> None:
    written = {"flyte.secrets/s0": "nnsxsoraejwxsx2lmv3secq"}
    assert secret_marks.marks([security_pb2.Secret(key="my_key")]) == written
    assert secret_marks.read(written) == (security_pb2.Secret(key="my_key"),)


@pytest.mark.parametrize("text", ["!", "a", "ä", "mfrgg"])
def test_a_forged_description_is_refused(text: str) -> None:
    with pytest.raises(secret_marks.UnreadableSecretError, match=r"flyte\.secrets/s0"):
        secret_marks.read({"flyte.secrets/s0": text})


def test_without_secrets_the_webhook_is_not_asked() -> None:
    metadata = ownership.metadata(requests.of(requests.container()), SETTINGS)
    assert secret_marks.LABEL not in metadata["labels"]
    assert secret_marks.read(metadata["annotations"]) == ()


def test_paths_are_the_api_servers() -> None:
    assert kinds.Pod.api.object("ns", "x") == "/api/v1/namespaces/ns/pods/x"
    assert kinds.Api("kubeflow.org", "v1", "mpijobs").all() == "/apis/kubeflow.org/v1/mpijobs"
