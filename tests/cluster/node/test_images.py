"""What is built in the node, or brought into it, is there for pods at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.appliance.node import archives, execution
from tests import containers
from tests.cluster.nodes import PYTHON, Cluster, pod
from tests.waiting import eventually


@pytest.fixture(scope="module")
def small(cluster: Cluster) -> str:
    """A small image of the host, copied in."""
    image = containers.image()
    assert archives.copy_into_node(cluster.engine, cluster.node, [image]) == [image]
    return image


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[str]:
    with cluster.namespace("images") as name:
        yield name


def test_a_pod_uses_an_image_that_was_just_built(cluster: Cluster, namespace: str) -> None:
    cluster.build("test/built:1", f"FROM {PYTHON}\nRUN echo built > /proof\n")
    cluster.apply(namespace, pod("built", "cat", "/proof", image="test/built:1", restartPolicy="Never"))
    eventually(lambda: _phase(cluster, namespace, "built") == "Succeeded", 30)
    assert cluster.kubectl("logs", "-n", namespace, "built") == "built\n"


def test_a_build_installs_packages_from_an_index(cluster: Cluster) -> None:
    dockerfile = f"FROM {PYTHON}\nRUN pip install --no-deps six && python -c 'import six'\n"
    cluster.build("test/installed:1", dockerfile)


def test_the_base_is_what_dockerfiles_expect(cluster: Cluster) -> None:
    environment = "python -m venv /tmp/e && /tmp/e/bin/pip --version"
    commands = f"python --version; {environment}; pip --version; command -v apt-get"
    words = cluster.run("docker", "run", "--rm", "--network=none", PYTHON, "sh", "-ec", commands).text
    assert words.startswith("Python 3.11.")
    assert words.count("python 3.11)") == 2
    assert "apt-get" in words


def test_an_image_of_the_host_is_copied_in(cluster: Cluster, namespace: str, small: str) -> None:
    cluster.apply(namespace, pod("copied", "echo", "hello", image=small, restartPolicy="Never"))
    eventually(lambda: _phase(cluster, namespace, "copied") == "Succeeded", 30)


def test_an_archive_carries_images_out_and_in(cluster: Cluster, small: str, tmp_path: Path) -> None:
    cluster.build("test/carried:1", f"FROM {small}\nLABEL carried=yes\n")
    path = tmp_path / "images.tar.gz"
    assert (
        archives.save_from_node(cluster.engine, cluster.node, ["test/carried:1"], path) == path.stat().st_size
    )
    cluster.run("docker", "image", "rm", "test/carried:1")
    assert archives.load_into_node(cluster.engine, cluster.node, path) == ["test/carried:1"]
    assert "test/carried:1" in [image.reference for image in archives.in_node(cluster.engine, cluster.node)]


def test_a_failed_build_says_what_failed(cluster: Cluster) -> None:
    dockerfile = f"FROM {PYTHON}\nRUN echo first-words && exit 7\n".encode()
    output = execution.run(cluster.engine, cluster.node, ["docker", "build", "-"], stdin=[dockerfile])
    assert output.code != 0
    assert b"returned a non-zero code: 7" in output.stdout + output.stderr


def _phase(cluster: Cluster, namespace: str, name: str) -> str:
    return str(cluster.get("pod", name, "-n", namespace)["status"]["phase"])
