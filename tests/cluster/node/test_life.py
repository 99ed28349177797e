"""A node that is stopped, killed, paused, joined and removed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox.appliance.node import archives, container, execution, readiness
from sandbox.appliance.node.container import Node
from sandbox.appliance.node.engine import Engine
from sandbox.appliance.node.errors import DockerRefused, NodeFailed
from sandbox.appliance.node.specification import NodeSpec
from tests import containers
from tests.cluster import nodes
from tests.cluster.nodes import Cluster, fetch, service, web_server
from tests.waiting import eventually

NAMESPACE = "life"


@pytest.fixture(scope="module")
def own(docker: Engine, distribution: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A node with a pod, a service and an image; the pod is to be there again whatever happens to the
    node."""
    source = tmp_path_factory.mktemp("source")
    (source / "hello").write_text("from the host")
    with nodes.started(docker, distribution, "life", source=source) as cluster:
        cluster.kubectl("create", "namespace", NAMESPACE)
        eventually(lambda: cluster.get("serviceaccounts", "-n", NAMESPACE)["items"], 30)
        small = containers.image()
        archives.copy_into_node(cluster.engine, cluster.node, [small])
        cluster.build("test/kept:1", f"FROM {small}\nLABEL kept=yes\n")
        node_port = service("web", type="NodePort", port={"nodePort": 30081})
        cluster.apply(NAMESPACE, web_server("web"), node_port)
        cluster.wait_for_pod(NAMESPACE, "web")
        yield cluster


def test_the_source_is_where_commands_begin(own: Cluster) -> None:
    assert own.run("cat", "hello").text == "from the host"
    own.run("sh", "-c", "echo back > answer")
    source = own.node.spec.source
    assert source is not None
    assert (source / "answer").read_text() == "back\n"


def test_a_stop_and_a_start_keep_everything(own: Cluster) -> None:
    container.stop(own.engine, own.node)
    assert container.inspect(own.engine, own.node.id).status == "exited"
    assert container.inspect(own.engine, own.node.id).exit_code == 0
    _start_again(own)


def test_a_killed_container_comes_back_with_everything(own: Cluster) -> None:
    own.engine.api.kill(own.node.id)
    eventually(lambda: container.inspect(own.engine, own.node.id).status == "exited", 10)
    _start_again(own)


def test_a_pause_ends_no_process_and_a_resume_goes_on(own: Cluster) -> None:
    before = _restarts(own)
    container.pause(own.engine, own.node)
    assert container.inspect(own.engine, own.node.id).status == "paused"
    container.resume(own.engine, own.node)
    _web_answers(own)
    assert _restarts(own) == before


def test_a_killed_component_is_started_again(own: Cluster) -> None:
    own.run("sh", "-c", "kill -9 $(pidof kube-scheduler || pidof k3s)")
    eventually(lambda: "ended with -9" in container.last_words(own.engine, own.node, 1000), 10)
    nodes.wait_until_ready(own.engine, own.node)
    own.apply(NAMESPACE, web_server("scheduled"))
    own.wait_for_pod(NAMESPACE, "scheduled")


def test_a_second_node_joins_and_pods_reach_each_other_across(own: Cluster) -> None:
    second = container.join(own.engine, own.node, 1)
    name = second.spec.container
    api = readiness.ApiServer(own.kubeconfig())
    eventually(lambda: readiness.missing(api, [name]) == "", 120, interval=0.5)
    complete = ["test", "-e", readiness.COMPLETE]
    eventually(lambda: execution.run(own.engine, second, complete).code == 0, 60, interval=0.5)
    own.apply(NAMESPACE, web_server("far", nodeName=name), service("far"))
    own.wait_for_pod(NAMESPACE, "far")
    own.wait_for_pod(NAMESPACE, "web")

    assert own.get("pod", "far", "-n", NAMESPACE)["spec"]["nodeName"] == name
    eventually(lambda: own.in_pod(NAMESPACE, "web", fetch("http://far/")) == "far\n", 20)
    eventually(lambda: own.in_pod(NAMESPACE, "far", fetch("http://web/")) == "web\n", 20)
    assert "GET /" in own.kubectl("logs", "far", "-n", NAMESPACE)
    seen = own.kubectl("logs", "far", "-n", NAMESPACE)
    assert own.get("pod", "web", "-n", NAMESPACE)["status"]["podIP"] in seen


def test_images_reach_the_second_node(own: Cluster, tmp_path: Path) -> None:
    second = container.find(own.engine, own.name, 1)
    assert second is not None
    assert archives.copy_between(own.engine, own.node, second, ["test/kept:1"], tmp_path) == ["test/kept:1"]
    assert "test/kept:1" in [image.reference for image in archives.in_node(own.engine, second)]


def test_a_teardown_leaves_nothing(own: Cluster) -> None:
    spec = own.node.spec
    assert container.remove(own.engine, spec, volume=True)

    assert container.of(own.engine, spec.name) == []
    assert spec.name not in container.volumes(own.engine)
    assert own.engine.api.networks(filters={"name": spec.network}) == []
    groups = [str(found) for found in Path("/sys/fs/cgroup").rglob(f"*{own.node.id}*")]
    assert groups == []
    assert container.remove(own.engine, spec, volume=True) is False


def test_a_taken_port_is_named_and_nothing_is_left(
    docker: Engine, distribution: str, cluster: Cluster
) -> None:
    spec = NodeSpec(
        name=f"taken-{os.getpid()}",
        profile="sandbox",
        distribution=distribution,
        version="0",
        ports=cluster.ports,
    )
    with pytest.raises(NodeFailed, match="Choose other ports") as caught:
        container.create(docker, spec)
    assert str(cluster.ports.edge) in caught.value.cause or "already allocated" in caught.value.cause
    assert container.of(docker, spec.name) == []
    assert spec.name not in container.volumes(docker)
    assert docker.api.networks(filters={"name": spec.network}) == []


def test_of_two_that_start_the_same_sandbox_one_does_and_the_other_breaks_nothing(
    docker: Engine, distribution: str
) -> None:
    spec = NodeSpec(
        name=f"twice-{os.getpid()}",
        profile="sandbox",
        distribution=distribution,
        version="0",
        ports=nodes.free_ports(),
    )

    def create() -> Node | DockerRefused:
        try:
            return container.create(docker, spec)
        except DockerRefused as refused:
            return refused

    try:
        with ThreadPoolExecutor() as pool:
            results = [future.result() for future in [pool.submit(create) for _ in range(2)]]
        made = [result for result in results if isinstance(result, Node)]
        assert len(made) == 1
        assert [str(result) for result in results if "already in use" in str(result)]
        assert container.inspect(docker, made[0].id).running
        assert docker.api.networks(filters={"name": spec.network})
    finally:
        container.remove(docker, spec, volume=True)


def test_a_node_that_ends_is_noticed_before_the_deadline(docker: Engine, distribution: str) -> None:
    spec = NodeSpec(
        name=f"broken-{os.getpid()}",
        profile="sandbox",
        distribution=distribution,
        version="0",
        ports=nodes.free_ports(),
    )
    try:
        node = container.create(docker, spec)
        docker.api.kill(node.id)
        began = time.monotonic()
        with pytest.raises(NodeFailed, match="ended"):
            nodes.wait_until_ready(docker, node)
        assert time.monotonic() - began < 20
    finally:
        container.remove(docker, spec, volume=True)


def _start_again(own: Cluster) -> None:
    container.start(own.engine, own.node)
    nodes.wait_until_ready(own.engine, own.node)
    _web_answers(own)
    assert "test/kept:1" in [image.reference for image in archives.in_node(own.engine, own.node)]


def _web_answers(own: Cluster) -> None:
    """The pod answers through its service, as seen from itself."""
    own.wait_for_pod(NAMESPACE, "web")
    eventually(lambda: own.in_pod(NAMESPACE, "web", fetch("http://web.life/")) == "web\n", 60)


def _restarts(own: Cluster) -> int:
    statuses = own.get("pod", "web", "-n", NAMESPACE)["status"]["containerStatuses"]
    return sum(int(status["restartCount"]) for status in statuses)
