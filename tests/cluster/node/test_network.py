"""Pods reach each other, services and the outside by name; the host reaches them by node ports."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Iterator

import pytest

from tests.cluster.nodes import Cluster, fetch, pod, service, web_server
from tests.waiting import eventually


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[str]:
    """With a client, a server and its services."""
    with cluster.namespace("network") as name:
        cluster.apply(
            name,
            pod("client", "sleep", "infinity"),
            web_server("web"),
            service("web"),
            {
                **service("plain"),
                "spec": {"clusterIP": "None", "selector": {"app": "web"}, "ports": [{"port": 8000}]},
            },
            service("outside", type="NodePort", selector={"app": "web"}, port={"nodePort": 30081}),
        )
        for one in ("client", "web"):
            cluster.wait_for_pod(name, one)
        yield name


def test_a_service_is_reached_by_its_names(cluster: Cluster, namespace: str) -> None:
    for host in ("web", "web.network", "web.network.svc.cluster.local"):
        eventually(
            lambda host=host: cluster.in_pod(namespace, "client", fetch(f"http://{host}/")) == "web\n", 10
        )


def test_a_pod_reaches_itself_by_its_service(cluster: Cluster, namespace: str) -> None:
    eventually(lambda: cluster.in_pod(namespace, "web", fetch("http://web.network/")) == "web\n", 10)


def test_a_headless_service_has_the_addresses_of_its_pods(cluster: Cluster, namespace: str) -> None:
    address = cluster.get("pod", "web", "-n", namespace)["status"]["podIP"]
    ask = "import socket; print(socket.gethostbyname('plain'))"
    eventually(lambda: cluster.in_pod(namespace, "client", ask).strip() == address, 10)


def test_names_of_the_outside_are_answered_as_on_the_host(cluster: Cluster, namespace: str) -> None:
    mirror = "awk '/^deb/ { split($2, parts, \"/\"); print parts[3]; exit }' /etc/apt/sources.list"
    outside = cluster.run("sh", "-c", mirror).stdout.decode().strip()
    ask = f"import socket; print(socket.gethostbyname('{outside}'))"
    assert socket.gethostbyname(outside)
    assert cluster.in_pod(namespace, "client", ask).strip()


def test_a_name_that_does_not_exist_is_refused_at_once(cluster: Cluster, namespace: str) -> None:
    ask = (
        "import socket, time; t = time.monotonic()\n"
        "try: socket.gethostbyname('nobody.network.svc.cluster.local.')\n"
        "except socket.gaierror: print(time.monotonic() - t < 2)"
    )
    assert cluster.in_pod(namespace, "client", ask) == "True\n"


def test_a_node_port_is_reached_from_the_host(cluster: Cluster, namespace: str) -> None:
    url = f"http://127.0.0.1:{cluster.ports.dashboard}/"
    eventually(lambda: urllib.request.urlopen(url, timeout=5).read() == b"web", 10)


def test_the_api_server_is_reached_from_a_pod_by_its_name(cluster: Cluster, namespace: str) -> None:
    ask = (
        "import ssl, urllib.request\n"
        "here = '/var/run/secrets/kubernetes.io/serviceaccount/'\n"
        "context = ssl.create_default_context(cafile=here + 'ca.crt')\n"
        "bearer = {'Authorization': 'Bearer ' + open(here + 'token').read()}\n"
        "url = 'https://kubernetes.default.svc/api'\n"
        "print(urllib.request.urlopen(urllib.request.Request(url, headers=bearer), context=context).status)"
    )
    assert cluster.in_pod(namespace, "client", ask) == "200\n"


def test_logs_are_read_through_the_api_server(cluster: Cluster, namespace: str) -> None:
    cluster.in_pod(namespace, "client", fetch("http://web/"))
    assert "GET / HTTP" in cluster.kubectl("logs", "-n", namespace, "web")
