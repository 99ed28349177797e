"""A node that is ready has what its distribution promises."""

from __future__ import annotations

from sandbox.appliance.node import archives, container, distributions
from sandbox.appliance.node.readiness import ApiServer
from tests.cluster.nodes import Cluster


def test_the_version_is_the_one_that_the_distribution_names(cluster: Cluster, distribution: str) -> None:
    nodes = cluster.get("nodes")["items"]
    facts = distributions.get(distribution).facts
    assert [node["status"]["nodeInfo"]["kubeletVersion"].split("+")[0] for node in nodes] == [
        f"v{facts.kubernetes}"
    ]


def test_no_component_ended_while_the_node_started(cluster: Cluster) -> None:
    assert "ended with" not in container.last_words(cluster.engine, cluster.node, 1000)


def test_the_promised_images_are_there_without_a_registry(cluster: Cluster, distribution: str) -> None:
    there = {image.reference: image.size for image in archives.in_node(cluster.engine, cluster.node)}
    for reference in distributions.get(distribution).facts.base_images:
        assert there[reference] > 10_000_000


def test_the_sandbox_is_found_by_its_labels(cluster: Cluster) -> None:
    found = container.find(cluster.engine, cluster.name)
    assert found is not None
    assert found.spec == cluster.node.spec
    assert found in container.every(cluster.engine)
    assert cluster.name in container.volumes(cluster.engine)


def test_the_kubeconfig_works_on_the_host(cluster: Cluster) -> None:

    assert ApiServer(cluster.kubeconfig()).get("/readyz") == b"ok"


def test_memory_of_pods_counts_to_the_container(cluster: Cluster) -> None:
    groups = cluster.run("cat", "/proc/1/cgroup").text
    assert all(line.split(":", 2)[2] in ("/", "/node") for line in groups.splitlines()), groups


def test_the_api_server_outlives_custom_resources(cluster: Cluster) -> None:
    """Kubernetes 1.20 with its own copy of reflect2, compiled by a newer Go, died of every one."""
    names = {"plural": "proofs", "singular": "proof", "kind": "Proof"}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "proofs.tests.example.com"},
        "spec": {
            "group": "tests.example.com",
            "scope": "Namespaced",
            "names": names,
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }
    proof = {
        "apiVersion": "tests.example.com/v1",
        "kind": "Proof",
        "metadata": {"name": "one"},
        "spec": {"n": 1},
    }
    cluster.apply("default", definition)
    try:
        cluster.kubectl(
            "wait", "crd/proofs.tests.example.com", "--for=condition=Established", "--timeout=30s"
        )
        cluster.apply("default", proof)
        assert cluster.get("proofs", "one")["spec"] == {"n": 1}
        assert "ended with" not in container.last_words(cluster.engine, cluster.node, 1000)
    finally:
        cluster.kubectl("delete", "crd", "proofs.tests.example.com", "--wait=false")
