"""The runner's own S3 client speaks to a real S3 server."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.executors.process.runner import legacy
from sandbox.executors.process.runner.s3 import Store, StoreError
from tests.integration import servers

PREFIX = "s3://my-s3-bucket/runner-s3"


@pytest.fixture
def store(s3: servers.NanioServer) -> Store:
    return _store(s3.settings.endpoint, "miniostorage")


def _store(endpoint: str, secret: str) -> Store:
    return Store(endpoint, "minio", secret)


def test_an_object_comes_back_as_it_was_put(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 3_000_000)
    uri = f"{PREFIX}/with space/ünïcode+&=?.bin"
    assert store.version(uri) is None
    store.put(str(tmp_path / "a"), uri)
    store.get(uri, str(tmp_path / "b"))
    assert (tmp_path / "b").read_bytes() == (tmp_path / "a").read_bytes()
    assert store.version(uri) is not None


def test_a_folder_comes_back_as_it_was_put(store: Store, tmp_path: Path) -> None:
    (tmp_path / "out/deep").mkdir(parents=True)
    (tmp_path / "out/deep/one").write_text("1")
    (tmp_path / "out/two").write_text("2")
    legacy.put_folder(store, str(tmp_path / "out"), f"{PREFIX}/folder")
    assert store.exists(f"{PREFIX}/folder")
    legacy.get_folder(store, f"{PREFIX}/folder", str(tmp_path / "in"))
    assert (tmp_path / "in/deep/one").read_text() == "1"
    assert (tmp_path / "in/two").read_text() == "2"


def test_a_missing_object_is_an_error_that_names_it(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=f"GET {PREFIX}/nothing.*404"):
        store.get(f"{PREFIX}/nothing", str(tmp_path / "x"))


def test_a_wrong_secret_is_refused(s3: servers.NanioServer, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="403"):
        _store(s3.settings.endpoint, "wrong").version(f"{PREFIX}/secret")
