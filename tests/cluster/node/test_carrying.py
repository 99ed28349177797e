"""Images as one file: what one machine saved, another one finds in its engine and in its cache."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from sandbox.appliance.errors import ApplianceError
from sandbox.appliance.images import cache, carrying
from sandbox.appliance.images.carrying import ArchiveUnusable
from sandbox.appliance.node import archives, distributions
from sandbox.appliance.node.engine import Engine
from sandbox.appliance.progress import Silent
from tests import containers

KEPT = "control-plane-0123456789ab.tar"


@pytest.fixture
def small(docker: Engine, monkeypatch: pytest.MonkeyPatch) -> str:
    """A small image in the place of the node's: saving that one takes a minute."""
    reference = containers.image()
    docker.api.tag(reference, "flyte-sandbox-test/node", "1")
    monkeypatch.setattr(archives, "node_images", lambda engine: ["flyte-sandbox-test/node:1"])
    return "flyte-sandbox-test/node:1"


def _home(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.setenv("SANDBOX_HOME", str(path))


def test_what_is_saved_is_loaded(
    docker: Engine, small: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _home(monkeypatch, tmp_path / "here")
    cache.folder().mkdir(parents=True)
    (cache.folder() / KEPT).write_bytes(b"layers" * 1000)
    file = tmp_path / "images.tar"
    assert carrying.save(file, Silent()) == [small, KEPT.removesuffix(".tar")]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "images.tar"]

    docker.api.remove_image(small)
    _home(monkeypatch, tmp_path / "there")
    assert carrying.load(file, Silent()) == [small, KEPT.removesuffix(".tar")]
    assert docker.has_image(small)
    assert [path.name for path in cache.archives()] == [KEPT]
    assert (cache.folder() / KEPT).read_bytes() == b"layers" * 1000
    docker.api.remove_image(small)


def test_the_real_images_of_nodes_are_listed(docker: Engine, distribution: str) -> None:
    reference = distributions.get(distribution).image
    assert reference in archives.node_images(docker)
    assert reference in [image.reference for image in carrying.every("nobody") if image.place == "machine"]


def test_without_images_there_is_nothing_to_save(
    docker: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _home(monkeypatch, tmp_path)
    monkeypatch.setattr(archives, "node_images", lambda engine: [])
    with pytest.raises(ApplianceError, match="no images to save"):
        carrying.save(tmp_path / "x.tar", Silent())
    assert not (tmp_path / "x.tar").exists()


@pytest.mark.parametrize("content", [b"", b"nonsense" * 200, None])
def test_another_file_is_refused(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _home(monkeypatch, tmp_path)
    file = tmp_path / "file"
    if content is None:
        with tarfile.open(file, "w") as archive:
            archive.add(__file__, "somebody.py")
    else:
        file.write_bytes(content)
    with pytest.raises(ArchiveUnusable, match="no archive of images"):
        carrying.load(file, Silent())


def test_no_file_outside_the_cache_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _home(monkeypatch, tmp_path / "home")
    file = tmp_path / "file"
    with tarfile.open(file, "w") as archive:
        carrying._add_index(archive, [])
        for name in ("cache/../../evil-0123456789ab.tar.gz", "/evil-0123456789ab.tar.gz", "cache/evil"):
            archive.add(__file__, name)
    assert carrying.load(file, Silent()) == []
    assert not list(tmp_path.rglob("*evil*"))
