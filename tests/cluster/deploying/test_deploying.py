"""`sandbox deploy` on a cluster that knows nothing of the sandbox, with all that it needs inside."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest
import yaml

from tests.cluster.deploying.conftest import Pair
from tests.cluster.deploying.releases import Release
from tests.waiting import eventually

NAMESPACE = "elsewhere"


@pytest.fixture(scope="module")
def release(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    values = {
        "namespace": NAMESPACE,
        "images": {"controlPlane": pair.control_plane},
        "objectStore": {"publicEndpoint": "http://localhost:30002"},
        **{name: {"replicas": 1} for name in ("flyteadmin", "flyteconsole", "flytePodWebhook")},
        "flytepropeller": {"replicas": 1},
    }
    release = Release(pair.cluster, tmp_path_factory.mktemp("deploying"), values)
    yield release
    release.undeploy("--volumes")


@pytest.mark.timeout(1200)
def test_a_control_plane_comes_is_changed_goes_and_comes_back_with_its_data(release: Release) -> None:
    planned = release.deploy("--dry-run")
    assert "would be created" in planned
    assert not [
        name
        for name in release.cluster.kubectl("get", "namespaces", "-o", "name").split()
        if NAMESPACE in name
    ]

    assert "Ready in" in release.deploy()
    pods = release.pods()
    running = {
        pod["metadata"]["name"].rsplit("-", 2)[0] for pod in pods if pod["status"]["phase"] == "Running"
    }
    assert running >= {"flyteadmin", "flytepropeller", "datacatalog", "flyteconsole", "flyte-pod-webhook"}
    assert release.restarts() == 0
    assert release.ask("cursor.execute('create table proof as select 7 as a'); print('done')") == "done"

    assert "unchanged. Ready" in release.deploy()

    difference = release.deploy("--dry-run", "--set", "flytepropeller.replicas=3")
    assert "+  replicas: 3" in difference
    assert "Objects: 1 would be changed" in difference
    release.deploy("--set", "flytepropeller.replicas=3", "--set", "postgres.password=a'nother")
    names = [pod["metadata"]["name"] for pod in release.pods()]
    assert len([name for name in names if name.startswith("flytepropeller")]) == 3
    assert release.restarts() == 0
    assert release.ask("cursor.execute('select a from proof'); print(cursor.fetchone())") == "(7,)"

    release.undeploy()
    assert release.pods() == []
    kept = release.cluster.get("pvc", "-n", NAMESPACE)["items"]
    assert {claim["metadata"]["name"] for claim in kept} == {"postgres", "minio"}
    release.deploy()
    assert release.ask("cursor.execute('select a from proof'); print(cursor.fetchone())") == "(7,)"

    release.undeploy("--volumes")
    eventually(lambda: NAMESPACE not in release.cluster.kubectl("get", "namespaces"), 120, interval=1)
    for kind in ("clusterroles", "clusterrolebindings", "mutatingwebhookconfigurations"):
        assert NAMESPACE not in release.cluster.kubectl("get", kind)


def test_an_image_that_no_node_has_is_told_by_name_and_the_next_one_mends_it(release: Release) -> None:
    place = ("--values", str(release.values), "--set", "namespace=elsewhere-b")
    image = "flyte-sandbox/nowhere:1"
    try:
        done = release.run(
            "deploy", *place, "--set", f"images.controlPlane={image}", "--set", "images.pullPolicy=Never"
        )
        assert done.returncode == 1
        assert "ErrImageNeverPull" in done.stderr
        assert image in done.stderr
        done = release.run("deploy", *place)
        assert done.returncode == 0, done.stderr
    finally:
        release.run("undeploy", "--namespace", "elsewhere-b", "--volumes")


def test_who_lacks_rights_is_told_which_and_nothing_is_changed(release: Release) -> None:
    cluster = release.cluster
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "weak"}}
    with cluster.namespace("weak") as namespace:
        cluster.apply(namespace, account)
        eventually(lambda: cluster.get("sa", "weak", "-n", namespace).get("secrets"), 20)
        secret = cluster.get("sa", "weak", "-n", namespace)["secrets"][0]["name"]
        token = base64.b64decode(cluster.get("secret", secret, "-n", namespace)["data"]["token"]).decode()
        config = yaml.safe_load(release.kubeconfig.read_text())
        config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
        path = release.kubeconfig.with_name("weak")
        path.write_text(json.dumps(config))
        before = set(cluster.kubectl("get", "namespaces", "-o", "name").split())
        done = release.run("deploy", "--values", str(release.values), kubeconfig=path)
        assert done.returncode == 1
        assert "clusterroles" in done.stderr
        after = set(cluster.kubectl("get", "namespaces", "-o", "name").split())
        assert after - before == set()  # one of another test may just be going
