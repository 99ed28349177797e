"""The tag of a node's image tells what the image was made of."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.appliance import assets
from sandbox.appliance.node import distribution, distributions
from sandbox.appliance.node.distribution import Distribution


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the images' folder, in the place of the real one."""
    copy = tmp_path / "images"
    shutil.copytree(assets.images(), copy)
    monkeypatch.setattr(assets, "images", lambda: copy)
    return copy


def image(of: Distribution) -> str:
    distribution._digest.cache_clear()
    return of.image


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    yield
    distribution._digest.cache_clear()


@pytest.mark.parametrize("name", distributions.NAMES)
def test_another_dockerfile_makes_another_image(folder: Path, name: str) -> None:
    one = distributions.get(name)
    before = image(one)
    assert before.startswith(f"flyte-sandbox/node-{name}:{one.facts.kubernetes}-")
    with (folder / one.context / "Dockerfile").open("a") as file:
        file.write("RUN true\n")
    assert image(one) != before


def test_compiled_python_makes_no_other_image(folder: Path) -> None:
    one = distributions.get("debian")
    before = image(one)
    left = folder / one.context / "node" / "__pycache__" / "pki.cpython-311.pyc"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"compiled")
    assert image(one) == before
