"""The pod webhook, asked by a real API server."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flyteidl.core import security_pb2

from sandbox.executors.kubernetes import errors, secret_marks
from sandbox.executors.kubernetes.client import Client
from sandbox.executors.kubernetes.secret_store import KubernetesSecretStore
from sandbox.executors.secrets import SecretName
from sandbox.webhook.server import PATH, WebhookServer
from sandbox.webhook.trust import Trust
from tests.waiting import eventually

Secret = security_pb2.Secret
_SERVICE = "flyte-pod-webhook"
_CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"


def trust(client: Client, namespace: str) -> Trust:
    return Trust(client, namespace=namespace, service=_SERVICE, secret=_SERVICE, configuration=namespace)


@pytest.fixture
def webhook(client: Client, namespace: str, here: str) -> Iterator[WebhookServer]:
    """Serving, behind a Service whose one endpoint is this process; for pods of this namespace."""
    configuration = {
        "metadata": {"name": namespace},
        "webhooks": [
            {
                "name": "flyte-pod-webhook.flyte.org",
                "clientConfig": {
                    "service": {"name": _SERVICE, "namespace": namespace, "path": PATH, "port": 443}
                },
                "rules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE"],
                        "resources": ["pods"],
                    }
                ],
                "failurePolicy": "Fail",
                "sideEffects": "NoneOnDryRun",
                "admissionReviewVersions": ["v1", "v1beta1"],
                "objectSelector": {"matchLabels": secret_marks.LABELS},
                "namespaceSelector": {"matchLabels": {"test": namespace}},
            }
        ],
    }
    client.patch(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": {"test": namespace}}})
    client.create(_CONFIGURATIONS, configuration)
    server = WebhookServer(trust(client, namespace), here, 0, look_seconds=0.5)
    services = f"/api/v1/namespaces/{namespace}"
    port = {"port": 443, "protocol": "TCP", "name": "webhook"}
    client.create(
        f"{services}/services",
        {"metadata": {"name": _SERVICE}, "spec": {"ports": [{**port, "targetPort": server.port}]}},
    )
    client.create(
        f"{services}/endpoints",
        {
            "metadata": {"name": _SERVICE},
            "subsets": [{"addresses": [{"ip": here}], "ports": [{**port, "port": server.port}]}],
        },
    )
    server.start()
    try:
        eventually(lambda: server.trouble() == "", 10)
        yield server
    finally:
        server.stop()
        client.delete(f"{_CONFIGURATIONS}/{namespace}")


def pod(name: str, *secrets: security_pb2.Secret, script: str = "true") -> dict[str, Any]:
    container = {
        "name": "main",
        "image": "python:3.11-slim",
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", script],
    }
    return {
        "metadata": {
            "name": name,
            "labels": secret_marks.LABELS if secrets else {},
            "annotations": secret_marks.marks(secrets),
        },
        "spec": {
            "restartPolicy": "Never",
            "containers": [container],
        },
    }


def created(client: Client, namespace: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """The pod as the API server stored it. The service account of a fresh namespace takes a moment, and so
    does the way to a fresh Service.
    """

    def create() -> dict[str, Any]:
        try:
            return client.create(f"/api/v1/namespaces/{namespace}/pods", wanted)
        except errors.TryAgain:
            return {}
        except errors.Refused as exc:
            if "serviceaccount" not in exc.message:
                raise
            return {}

    return eventually(create, 20)


def test_a_task_finds_its_secrets(client: Client, namespace: str, webhook: WebhookServer) -> None:
    store = KubernetesSecretStore(client, namespace)
    store.put(SecretName("db", "password"), b"hidden")
    store.put(SecretName("User_Info", "Pass word"), b"more hidden")
    store.put(SecretName("", "token"), b"alone")
    script = (
        'echo "$_FSEC_DB_PASSWORD" "$DB" $(cat "$FLYTE_SECRETS_DEFAULT_DIR/user_info/pass word") '
        "$(cat $FLYTE_SECRETS_DEFAULT_DIR/token) $(ls $FLYTE_SECRETS_DEFAULT_DIR | sort | tr '\\n' ,)"
    )
    wanted = pod(
        "asks",
        Secret(group="db", key="password", mount_requirement=Secret.ENV_VAR, env_var="DB"),
        Secret(group="User_Info", key="Pass word"),
        Secret(key="token", mount_requirement=Secret.FILE),
        Secret(group="none", key="such"),
        script=script,
    )
    created(client, namespace, wanted)
    path = f"/api/v1/namespaces/{namespace}/pods/asks"
    eventually(lambda: client.get(path)["status"]["phase"] == "Succeeded", 60, interval=0.5)
    with client.open(f"{path}/log") as pieces:
        said = b"".join(pieces).decode()
    assert said == "hidden hidden more hidden alone token,user_info,\n"


def test_a_pod_without_the_label_is_not_asked_about(
    client: Client, namespace: str, webhook: WebhookServer
) -> None:
    stored = created(client, namespace, pod("plain"))
    assert "env" not in stored["spec"]["containers"][0]


def test_a_refusal_reaches_who_creates_the_pod(
    client: Client, namespace: str, webhook: WebhookServer
) -> None:
    created(client, namespace, pod("good", Secret(group="g", key="k")))
    with pytest.raises(errors.Refused, match="without a key") as refused:
        client.create(f"/api/v1/namespaces/{namespace}/pods", pod("bad", Secret(group="g")))
    assert refused.value.code == 400


def test_many_pods_at_once(client: Client, namespace: str, webhook: WebhookServer) -> None:
    created(client, namespace, pod("first", Secret(group="g", key="k")))
    missed: list[str] = []

    def create(number: int) -> None:
        wanted = pod(f"many-{number}", Secret(group="g", key="k"))
        query = {"dryRun": "All"}
        stored = client.create(f"/api/v1/namespaces/{namespace}/pods", wanted, query)
        if "volumeMounts" not in stored["spec"]["containers"][0]:
            missed.append(str(number))

    threads = [threading.Thread(target=create, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert missed == []


def test_replicas_agree_on_one_certificate(client: Client, namespace: str) -> None:
    found: list[bytes] = []
    replicas = [
        threading.Thread(target=lambda: found.append(trust(client, namespace).bundle().certificate))
        for _ in range(6)
    ]
    for replica in replicas:
        replica.start()
    for replica in replicas:
        replica.join()
    assert len(found) == 6
    assert len(set(found)) == 1


def test_what_somebody_breaks_is_mended(client: Client, namespace: str, webhook: WebhookServer) -> None:
    secret = f"/api/v1/namespaces/{namespace}/secrets/{_SERVICE}"
    before = client.get(secret)["data"]["ca.crt"]
    client.delete(secret)

    def announced() -> bool:
        authority = client.get(secret)["data"]["ca.crt"]
        configuration = client.get(f"{_CONFIGURATIONS}/{namespace}")
        return authority != before and configuration["webhooks"][0]["clientConfig"]["caBundle"] == authority

    def mended() -> bool:
        try:
            return announced()
        except errors.NotFound:
            return False

    eventually(mended, 10, interval=0.1)
    client.patch(secret, {"data": {"tls.key": base64.b64encode(b"nonsense").decode()}})
    eventually(lambda: client.get(secret)["data"]["tls.key"] != base64.b64encode(b"nonsense").decode(), 10)
    stored = eventually(lambda: _mutated(client, namespace), 10, interval=0.5)
    assert stored["spec"]["containers"][0]["volumeMounts"][-1]["mountPath"] == "/etc/flyte/secrets"


def _mutated(client: Client, namespace: str) -> dict[str, Any]:
    """Until the API server has read the configuration anew, it trusts the old authority."""
    wanted = pod("after", Secret(group="g", key="k"))
    try:
        return client.create(f"/api/v1/namespaces/{namespace}/pods", wanted, {"dryRun": "All"})
    except (errors.TryAgain, errors.Refused):
        return {}
