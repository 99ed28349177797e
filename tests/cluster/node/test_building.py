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
NOWHERE = "127.0.0.1:9/nowhere:1"


@pytest.fixture(autouse=True)
def another_base(monkeypatch: pytest.MonkeyPatch, docker: Engine) -> Iterator[None]:
    """The real one stays as it is; no registry answers."""
    monkeypatch.setattr(building, "BASE", BASE)
    monkeypatch.setattr(building, "_PULLED", (NOWHERE,))
    yield
    if docker.has_image(BASE):
        docker.api.remove_image(BASE)


def test_an_image_of_a_registry_gets_the_sources_that_the_dockerfile_reads(
    docker: Engine, distribution: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = distributions.get(distribution).image  # any with a shell
    monkeypatch.setattr(building, "_PULLED", (stand_in,))
    told: list[str] = []
    assert building.base_image(docker, told.append) == BASE
    assert any("RUN" in line for line in told)
    made = docker.api.create_container(BASE, entrypoint=["sh", "-c", "cat /etc/apt/sources.list"])
    try:
        docker.api.start(made["Id"])
        assert docker.api.wait(made["Id"])["StatusCode"] == 0
        assert docker.api.logs(made["Id"]) == b"deb http://deb.debian.org/debian bookworm main\n"
    finally:
        docker.api.remove_container(made["Id"], force=True, v=True)
    assert building.base_image(docker, told.append) == BASE


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
