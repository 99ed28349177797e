"""Pods that ask for secrets, and what the patch makes of them."""

from __future__ import annotations

import base64
import copy
import json
from pathlib import Path
from typing import Any

import pytest
from flyteidl.core import security_pb2
from flytekit.configuration import SecretsConfig
from flytekit.core.context_manager import SecretsManager

from sandbox.executors.kubernetes import secret_marks, secret_names
from sandbox.webhook import mutation, reviews

Secret = security_pb2.Secret


def pod(*secrets: security_pb2.Secret, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"labels": secret_marks.LABELS, "annotations": secret_marks.marks(secrets)},
        "spec": {"containers": [{"name": "main", "image": "x"}], **spec},
    }


def applied(before: dict[str, Any]) -> dict[str, Any]:
    """The pod after its patch, whose operations are all `add` to members of objects."""
    after = copy.deepcopy(before)
    for operation in mutation.patch(before):
        assert operation["op"] == "add"
        target: Any = after
        *parents, last = operation["path"].strip("/").split("/")
        for part in parents:
            target = target[int(part)] if isinstance(target, list) else target[part]
        target[last] = operation["value"]
    return after


def variables(container: dict[str, Any]) -> dict[str, Any]:
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container["env"]}


def mounted(after: dict[str, Any], folder: Path, values: dict[tuple[str, str], str]) -> None:
    """Write the files of the pod's volume, as a kubelet would."""
    (volume,) = (one for one in after["spec"]["volumes"] if one["name"] == "flyte-secrets")
    for source in volume["projected"]["sources"]:
        for item in source["secret"]["items"]:
            path = folder / item["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(values[source["secret"]["name"], item["key"]])


def test_a_pod_that_asks_for_nothing_stays_as_it_is() -> None:
    assert mutation.patch(pod()) == []
    assert mutation.patch({"metadata": {}, "spec": {}}) == []


def test_a_variable_refers_to_the_key_of_a_secret() -> None:
    after = applied(
        pod(Secret(group="db", key="Password", mount_requirement=Secret.ENV_VAR, env_var="PGPASS"))
    )
    found = variables(after["spec"]["containers"][0])
    reference = {"secretKeyRef": {"name": "db", "key": "Password", "optional": True}}
    assert found == {
        "_FSEC_DB_PASSWORD": reference,
        "PGPASS": reference,
        "FLYTE_SECRETS_ENV_PREFIX": "_FSEC_",
    }
    assert "volumes" not in after["spec"]


@pytest.mark.parametrize("mount", [Secret.ANY, Secret.FILE])
@pytest.mark.parametrize(
    ("group", "key", "version"),
    [("db", "password", ""), ("User_Info", "Pass word", ""), ("", "token", ""), ("db", "password", "v2")],
)
def test_flytekit_finds_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mount: int, group: str, key: str, version: str
) -> None:
    secret = Secret(group=group, key=key, group_version=version, mount_requirement=mount)
    after = applied(pod(secret))
    mounted(after, tmp_path, {(secret_names.name(group), secret_names.key(key)): "hidden"})
    (mount_point,) = after["spec"]["containers"][0]["volumeMounts"]
    assert mount_point == {"name": "flyte-secrets", "mountPath": "/etc/flyte/secrets", "readOnly": True}
    found = variables(after["spec"]["containers"][0])
    assert found["FLYTE_SECRETS_DEFAULT_DIR"] == "/etc/flyte/secrets"
    monkeypatch.setenv("FLYTE_SECRETS_FILE_PREFIX", found["FLYTE_SECRETS_FILE_PREFIX"])
    manager = SecretsManager(SecretsConfig(default_dir=str(tmp_path)))
    assert manager.get(group or None, key, version or None) == "hidden"


def test_every_container_gets_them_and_what_it_sets_itself_stays() -> None:
    own = {"name": "FLYTE_SECRETS_DEFAULT_DIR", "value": "/mine"}
    before = pod(
        Secret(group="a", key="b", env_var="FILE"),
        Secret(group="c", key="d", mount_requirement=Secret.ENV_VAR),
        containers=[{"name": "one", "env": [own]}, {"name": "two"}],
        initContainers=[{"name": "zero", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}],
        volumes=[{"name": "v", "emptyDir": {}}],
    )
    after = applied(before)["spec"]
    for container in (*after["containers"], *after["initContainers"]):
        assert variables(container)["FILE"] == "/etc/flyte/secrets/a/b"
        assert "_FSEC_C_D" in variables(container)
        assert container["volumeMounts"][-1]["mountPath"] == "/etc/flyte/secrets"
    assert variables(after["containers"][0])["FLYTE_SECRETS_DEFAULT_DIR"] == "/mine"
    assert [volume["name"] for volume in after["volumes"]] == ["v", "flyte-secrets"]
    assert after["initContainers"][0]["volumeMounts"][0] == {"name": "v", "mountPath": "/v"}


def test_a_secret_that_is_asked_for_twice_is_one_file() -> None:
    after = applied(pod(Secret(group="a", key="b"), Secret(group="a", key="B"), Secret(group="a", key="b")))
    (volume,) = after["spec"]["volumes"]
    (source,) = volume["projected"]["sources"]
    assert source["secret"]["items"] == [{"key": "b", "path": "a/b"}]


def test_patching_twice_is_patching_once() -> None:
    once = applied(pod(Secret(group="a", key="b")))
    assert applied(once) == once


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        (Secret(group="g"), "without a key"),
        (Secret(group="..", key="k"), "can't be the name"),
        (Secret(group="g", key="a/b"), "can't be the name"),
        (Secret(group="g", key="k", env_var="A=B"), "environment variable"),
        (Secret(group="g g", key="k", mount_requirement=Secret.ENV_VAR), "MountType.FILE"),
    ],
)
def test_what_can_not_be_given_is_refused(secret: security_pb2.Secret, why: str) -> None:
    with pytest.raises(mutation.Refused, match=why):
        mutation.patch(pod(secret))


def test_an_annotation_that_is_no_secret_is_refused() -> None:
    broken = pod()
    broken["metadata"]["annotations"] = {"flyte.secrets/s0": "!!"}
    with pytest.raises(mutation.Refused, match=r"flyte\.secrets/s0"):
        mutation.patch(broken)


def review(pod_: Any, version: str = "admission.k8s.io/v1") -> bytes:
    return json.dumps(
        {"apiVersion": version, "kind": "AdmissionReview", "request": {"uid": "u1", "object": pod_}}
    ).encode()


@pytest.mark.parametrize("version", ["admission.k8s.io/v1", "admission.k8s.io/v1beta1"])
def test_a_question_is_answered_in_its_own_version(version: str) -> None:
    asked = pod(Secret(group="a", key="b"))
    answer = json.loads(reviews.answer(review(asked, version)))
    assert answer["apiVersion"] == version
    response = answer["response"]
    assert (response["uid"], response["allowed"], response["patchType"]) == ("u1", True, "JSONPatch")
    assert json.loads(base64.b64decode(response["patch"])) == mutation.patch(asked)


def test_a_refusal_says_why() -> None:
    response = json.loads(reviews.answer(review(pod(Secret(group="g")))))["response"]
    assert response["allowed"] is False
    assert response["status"]["code"] == 400
    assert "without a key" in response["status"]["message"]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"apiVersion": "v1", "request": {"uid": ""}}', b"\xff"]
)
def test_nonsense_is_no_question(body: bytes) -> None:
    with pytest.raises(reviews.NoReview):
        reviews.answer(body)


@pytest.mark.parametrize("text", ["db", "my.group-1", "User_Info", "ä ö", "", "-x", "a" * 300, "A", "flyte"])
def test_every_name_is_one_that_kubernetes_takes_and_its_own(text: str) -> None:
    others = {"db", "my.group-1", "User_Info", "ä ö", "", "-x", "a" * 300, "A", "flyte"} - {text}
    name, key = secret_names.name(text), secret_names.key(text)
    assert secret_names._NAME.fullmatch(name)
    assert secret_names._KEY.fullmatch(key)
    assert name not in {secret_names.name(other) for other in others}
    assert key not in {secret_names.key(other) for other in others}
