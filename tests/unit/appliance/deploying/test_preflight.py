"""What a cluster must have before it is touched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from sandbox.appliance.deploying import preflight
from sandbox.appliance.manifests import reading, rendering
from sandbox.appliance.manifests.cluster import Refused
from sandbox.appliance.manifests.errors import ClusterUnfit

PUBLIC = "objectStore.publicEndpoint=https://s3.example"
STANDARD = {"metadata": {"name": "standard", "annotations": {preflight._DEFAULT_CLASS: "true"}}}


class Cluster:
    """A cluster that is what its fields say."""

    def __init__(
        self,
        version: str = "v1.29.4+k3s1",
        forbidden: tuple[str, ...] = (),
        classes: tuple[Mapping[str, Any], ...] = (STANDARD,),
        secrets: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.version, self.forbidden, self.classes = version, forbidden, classes
        self.secrets = secrets or {}
        self.changed = False

    def ask(self, method: str, path: str, *, body: Any = None, **_: Any) -> dict[str, Any]:
        if path == "/version":
            return {"gitVersion": self.version}
        if path.endswith("/selfsubjectaccessreviews"):
            asked = body["spec"]["resourceAttributes"]
            return {"status": {"allowed": f"{asked['verb']} {asked['resource']}" not in self.forbidden}}
        if path.endswith("/storageclasses"):
            return {"items": list(self.classes)}
        if path.endswith("/persistentvolumes"):
            return {"items": [{"spec": {"storageClassName": "by-hand"}}]}
        if "/secrets/" in path:
            name = path.rpartition("/")[2]
            if name not in self.secrets:
                raise Refused(404, "NotFound", f'secrets "{name}" not found')
            return {"data": dict(self.secrets[name])}
        self.changed = True
        raise AssertionError(path)

    def text(self, path: str, **_: Any) -> str:
        raise AssertionError(path)


def check(cluster: Cluster, *flags: str) -> str:
    values = reading.values("cluster", flags=[PUBLIC, *flags])
    return preflight.check(cluster, values, rendering.render(values).objects())


def test_a_cluster_that_has_everything_is_taken() -> None:
    assert check(Cluster()) == "v1.29.4+k3s1"


@pytest.mark.parametrize("version", ["v1.19.16", "v0.9", "", "what"])
def test_a_kubernetes_that_is_too_old_is_refused(version: str) -> None:
    with pytest.raises(ClusterUnfit, match=r"1\.20 or newer"):
        check(Cluster(version=version))


def test_every_right_that_is_missing_is_told_at_once() -> None:
    with pytest.raises(ClusterUnfit) as caught:
        check(Cluster(forbidden=("create clusterroles", "patch clusterroles", "delete deployments")))
    assert "You may not create, patch clusterroles." in caught.value.cause
    assert "You may not delete deployments in the namespace flyte." in caught.value.cause


def test_volumes_need_a_class_that_is_there() -> None:
    with pytest.raises(ClusterUnfit, match="No StorageClass is the default"):
        check(Cluster(classes=({"metadata": {"name": "slow"}},)))
    with pytest.raises(ClusterUnfit, match=r"no StorageClass fast \(there are: standard\)"):
        check(Cluster(), "storage.className=fast")
    assert check(Cluster(), "storage.className=standard")
    assert check(Cluster(), "storage.className=by-hand")


def test_who_brings_database_and_objects_needs_no_class() -> None:
    assert check(
        Cluster(classes=()),
        "postgres={external: true, host: db}",
        "objectStore={external: true, endpoint: https://s3.example}",
    )


def test_a_secret_of_somebody_else_must_be_there_and_whole() -> None:
    flag = "credentials.existingSecret=theirs"
    with pytest.raises(ClusterUnfit, match="theirs"):
        check(Cluster(), flag)
    with pytest.raises(ClusterUnfit, match="lacks s3-access-key, s3-secret-key"):
        check(Cluster(secrets={"theirs": {"database-url": "x"}}), flag)
    whole = dict.fromkeys(("database-url", "s3-access-key", "s3-secret-key"), "x")
    assert check(Cluster(secrets={"theirs": whole}), flag)
