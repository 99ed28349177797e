"""The Debian image that the node's is built on, and what is told when it can't be had."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.appliance.node import building, distributions
from sandbox.appliance.node.engine import Engine
from sandbox.appliance.node.errors import ImageBuildFailed, ImageUnavailable
from tests import containers

BASE = "flyte-sandbox-test/base:1"
PULLED = "flyte-sandbox-test/pulled:1"
NOWHERE = "127.0.0.1:9/nowhere:1"
SOURCES = """\
Types: deb
URIs: http://archive.invalid/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://archive.invalid/debian-security
Suites: bookworm-security
Components: main
"""


@pytest.fixture(autouse=True)
def another_base(monkeypatch: pytest.MonkeyPatch, docker: Engine) -> Iterator[None]:
    """The real one stays as it is; no registry answers."""
    monkeypatch.setattr(building, "BASE", BASE)
    monkeypatch.setattr(building, "_PULLED", (NOWHERE,))
    yield
    if docker.has_image(BASE):
        docker.api.remove_image(BASE)


def test_an_image_of_a_registry_gets_the_sources_that_the_dockerfile_reads(
    docker: Engine, distribution: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_a_shell = distributions.get(distribution).image
    (tmp_path / "debian.sources").write_text(SOURCES)
    (tmp_path / "Dockerfile").write_text(
        f"FROM {with_a_shell}\nCOPY debian.sources /etc/apt/sources.list.d/\n"
    )
    for _ in building.build(docker, tmp_path, tag=PULLED, arguments={}):
        pass
    monkeypatch.setattr(building, "_PULLED", (PULLED,))
    told: list[str] = []
    try:
        assert building.base_image(docker, told.append) == BASE
        assert any("RUN" in line for line in told)
        assert printed(docker, BASE, "cat /etc/apt/sources.list; ls /etc/apt/sources.list.d") == (
            "deb http://archive.invalid/debian bookworm main\n"
            "deb http://archive.invalid/debian bookworm-updates main\n"
            "deb http://archive.invalid/debian-security bookworm-security main\n"
        )
        assert building.base_image(docker, told.append) == BASE
    finally:
        docker.api.remove_image(BASE)
        docker.api.remove_image(PULLED)


def printed(docker: Engine, image: str, script: str) -> str:
    made = docker.api.create_container(image, entrypoint=["sh", "-c", script])
    try:
        docker.api.start(made["Id"])
        assert docker.api.wait(made["Id"])["StatusCode"] == 0
        output: bytes = docker.api.logs(made["Id"])
        return output.decode()
    finally:
        docker.api.remove_container(made["Id"], force=True, v=True)


def test_without_registry_and_debootstrap_the_remedies_are_named(
    docker: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building.shutil, "which", lambda *_, **__: None)
    with pytest.raises(ImageUnavailable, match="sandbox images load") as caught:
        building.base_image(docker, print)
    assert "debootstrap is not installed" in caught.value.cause


def test_debootstrap_needs_root_and_says_so(docker: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building.shutil, "which", lambda *_, **__: "/usr/sbin/debootstrap")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ImageUnavailable, match="debootstrap needs root"):
        building.base_image(docker, print)


def test_a_failed_build_tells_the_end_of_what_was_printed(docker: Engine, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        f"FROM {containers.image()}\nRUN echo the-last-words && cat /nowhere\n"
    )
    with pytest.raises(ImageBuildFailed) as caught:
        list(building.build(docker, tmp_path, tag="flyte-sandbox-test/failed:1", arguments={}))
    assert "the-last-words" in caught.value.cause
    assert "returned a non-zero code" in caught.value.cause
    assert not docker.has_image("flyte-sandbox-test/failed:1")
