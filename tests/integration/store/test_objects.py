"""The object stores against a real nanio: what one writes the other reads, with the same ETag."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import threading
import urllib.error
import urllib.request
import uuid
from datetime import timedelta
from pathlib import Path

import pytest

from sandbox.store import errors
from sandbox.store.objects import DirectoryObjectStore, ObjectStore, Presigner, S3ObjectStore, S3Settings
from tests.integration.servers import NanioServer, free_port

_KEYS = [
    "plain",
    "a/b/c.pb",
    "with space/ü+5%&=;@!'(~).txt",
    "x" * 200 + "/" + "y" * 200,
    ".hidden",
    "a.json",
]


@pytest.fixture
def prefix() -> str:
    return f"s3://my-s3-bucket/{uuid.uuid4().hex}"


@pytest.fixture(params=["objects", "directory"])
def store(request: pytest.FixtureRequest, s3: NanioServer) -> ObjectStore:
    found: ObjectStore = getattr(s3, request.param)
    return found


@pytest.mark.parametrize("key", _KEYS)
def test_an_object_written_to_the_directory_is_read_over_s3(s3: NanioServer, prefix: str, key: str) -> None:
    s3.directory.put(f"{prefix}/{key}", b"data")
    assert s3.objects.get(f"{prefix}/{key}") == b"data"
    over_s3, here = s3.objects.head(f"{prefix}/{key}"), s3.directory.head(f"{prefix}/{key}")
    assert over_s3 is not None
    assert here is not None
    assert over_s3.md5 == here.md5 == hashlib.md5(b"data").hexdigest()
    assert over_s3.size == here.size == 4
    assert abs(over_s3.modified_at - here.modified_at) < timedelta(seconds=2)


@pytest.mark.parametrize("key", _KEYS)
def test_an_object_written_over_s3_is_read_from_the_directory(s3: NanioServer, prefix: str, key: str) -> None:
    s3.objects.put(f"{prefix}/{key}", b"data")
    assert s3.directory.get(f"{prefix}/{key}") == b"data"
    here = s3.directory.head(f"{prefix}/{key}")
    assert here is not None
    assert (here.size, here.md5) == (4, hashlib.md5(b"data").hexdigest())
    assert [info.uri for info in s3.directory.list(prefix)] == [f"{prefix}/{key}"]


def test_a_sidecar_is_what_nanio_itself_would_write(s3: NanioServer, prefix: str) -> None:
    s3.objects.put(f"{prefix}/theirs", b"data")
    s3.directory.put(f"{prefix}/ours", b"data")
    folder = s3.root / "my-s3-bucket" / ".nanio-meta" / prefix.rpartition("/")[2]
    theirs, ours = (_read_json(folder / f"{name}.json") for name in ("theirs", "ours"))
    assert theirs.keys() == ours.keys()
    differing = {name for name in theirs if theirs[name] != ours[name]}
    assert differing <= {"last_modified"}


def _read_json(path: os.PathLike[str]) -> dict[str, object]:
    with open(path) as file:
        found: dict[str, object] = json.load(file)
    return found


def test_objects_are_put_replaced_found_and_deleted(store: ObjectStore, prefix: str) -> None:
    uri = f"{prefix}/a"
    assert not store.exists(uri)
    assert store.head(uri) is None
    with pytest.raises(errors.ObjectNotFound, match="/a"):
        store.get(uri)
    store.put(uri, b"one")
    store.put(uri, b"")
    assert store.get(uri) == b""
    store.put(uri, b"three")
    assert store.get(uri) == b"three"
    assert store.exists(uri)
    store.delete(uri)
    store.delete(uri)
    assert not store.exists(uri)


def test_objects_come_from_files_and_go_to_files(store: ObjectStore, prefix: str, tmp_path: Path) -> None:
    path, back = tmp_path / "there", tmp_path / "back"
    path.write_bytes(b"x" * 3_000_000)
    for _ in range(2):
        store.upload(path, f"{prefix}/folder/file")
    assert store.get(f"{prefix}/folder/file") == path.read_bytes()
    store.download(f"{prefix}/folder/file", back)
    assert back.read_bytes() == path.read_bytes()
    for missing in ("folder", "folder/nothing"):
        with pytest.raises(errors.ObjectNotFound):
            store.download(f"{prefix}/{missing}", back)


def test_a_folder_is_no_object(store: ObjectStore, prefix: str) -> None:
    store.put(f"{prefix}/folder/a", b"x")
    assert not store.exists(f"{prefix}/folder")
    with pytest.raises(errors.ObjectNotFound):
        store.get(f"{prefix}/folder")


def test_lists_go_by_prefix_not_by_folder(store: ObjectStore, prefix: str) -> None:
    for key in ("a/1", "a/2/3", "ab", "b"):
        store.put(f"{prefix}/{key}", b"x")

    def keys(start: str) -> set[str]:
        return {info.uri.removeprefix(f"{prefix}/") for info in store.list(f"{prefix}/{start}")}

    assert keys("a") == {"a/1", "a/2/3", "ab"}
    assert keys("a/") == {"a/1", "a/2/3"}
    assert keys("a/2") == {"a/2/3"}
    assert keys("nothing/here") == set()
    assert {info.size for info in store.list(prefix)} == {1}


def test_lists_of_many_objects_are_complete(s3: NanioServer, prefix: str) -> None:
    for number in range(1100):
        s3.directory.put(f"{prefix}/{number}", b"x")
    assert len(list(s3.directory.list(prefix))) == 1100


@pytest.mark.parametrize(
    "uri",
    [
        "s3://my-s3-bucket/../x",
        "s3://my-s3-bucket/a/../../x",
        "s3://my-s3-bucket//etc/passwd",
        "s3://my-s3-bucket/a//b",
        "s3://my-s3-bucket/a\\..\\b",
        "s3://my-s3-bucket/.nanio-meta/x.json",
        "s3://my-s3-bucket/a/.nanio/x",
        "s3://my-s3-bucket/a\0b",
        "s3://my-s3-bucket/\udcff",
        "s3://my-s3-bucket/",
        "s3://my-s3-bucket",
        "s3://../x",
        "s3:///x",
        "s3://UPPER/x",
        "file:///etc/passwd",
        "/etc/passwd",
        "",
        "s3://my-s3-bucket/" + "k" * 1025,
        "s3://my-s3-bucket/" + "k" * 250,
    ],
)
def test_no_uri_leads_out_of_the_store(store: ObjectStore, uri: str) -> None:
    for call in (store.get, store.exists, store.head, store.delete, lambda uri: store.put(uri, b"x")):
        with pytest.raises(errors.InvalidUri):
            call(uri)


def test_a_symbolic_link_is_not_followed(objects: DirectoryObjectStore) -> None:
    objects.put("s3://my-s3-bucket/real", b"x")
    real = objects.path("s3://my-s3-bucket/real")
    os.symlink("/etc/passwd", real.with_name("link"))
    assert not objects.exists("s3://my-s3-bucket/link")
    with pytest.raises(errors.StoreError):
        objects.get("s3://my-s3-bucket/link")
    assert [info.uri for info in objects.list("s3://my-s3-bucket/")] == ["s3://my-s3-bucket/real"]


def test_a_key_below_an_object_is_a_conflict_that_is_named(objects: DirectoryObjectStore) -> None:
    objects.put("s3://my-s3-bucket/a", b"x")
    with pytest.raises(errors.Conflict, match="a/b"):
        objects.put("s3://my-s3-bucket/a/b", b"x")
    assert not objects.exists("s3://my-s3-bucket/a/b")
    with pytest.raises(errors.ObjectNotFound):
        objects.get("s3://my-s3-bucket/a/b")
    objects.put("s3://my-s3-bucket/c/d", b"x")
    with pytest.raises(errors.Conflict):
        objects.put("s3://my-s3-bucket/c", b"x")
    assert objects.get("s3://my-s3-bucket/c/d") == b"x"
    assert [info.uri[-3:] for info in objects.list("s3://my-s3-bucket/")] == ["t/a", "c/d"]


def test_two_keys_that_want_one_sidecar_name_are_both_kept(s3: NanioServer, prefix: str) -> None:
    s3.directory.put(f"{prefix}/a", b"one")
    s3.directory.put(f"{prefix}/a.json/b", b"two")
    for store in (s3.directory, s3.objects):
        assert (store.get(f"{prefix}/a"), store.get(f"{prefix}/a.json/b")) == (b"one", b"two")
    info = s3.directory.head(f"{prefix}/a.json/b")
    assert info is not None
    assert info.md5 == hashlib.md5(b"two").hexdigest()


def test_a_file_that_a_task_wrote_itself_is_an_object(s3: NanioServer, prefix: str) -> None:
    s3.directory.put(f"{prefix}/outputs.pb", b"old")
    s3.directory.path(f"{prefix}/outputs.pb").write_bytes(b"newer")
    info = s3.directory.head(f"{prefix}/outputs.pb")
    assert info is not None
    assert (info.size, info.md5) == (5, hashlib.md5(b"newer").hexdigest())
    assert s3.directory.get(f"{prefix}/outputs.pb") == b"newer"


def test_readers_see_the_old_or_the_new_object_and_nothing_between(objects: DirectoryObjectStore) -> None:
    uri = "s3://my-s3-bucket/a"
    versions = [bytes([number]) * 200_000 for number in range(8)]
    wrong: list[str] = []
    objects.put(uri, versions[0])
    done = threading.Event()
    torn: list[int] = []

    def read() -> None:
        while not done.is_set():
            data = objects.get(uri)
            if data not in versions:
                torn.append(len(data))

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(25):
        writers = [threading.Thread(target=objects.put, args=(uri, version)) for version in versions]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        info = objects.head(uri)
        if info is None or info.md5 != hashlib.md5(objects.get(uri)).hexdigest():
            wrong.append(repr(info))
    done.set()
    reader.join()
    assert torn == []
    assert wrong == []
    assert [each.uri for each in objects.list("s3://my-s3-bucket/")] == [uri]


def test_deleting_leaves_no_empty_folders(objects: DirectoryObjectStore) -> None:
    objects.put("s3://my-s3-bucket/a/b/c", b"x")
    folder = objects.path("s3://my-s3-bucket/a/b/c").parent
    objects.delete("s3://my-s3-bucket/a/b/c")
    assert not folder.exists()


def test_an_unreachable_endpoint_says_so_and_a_wrong_key_too(s3: NanioServer) -> None:
    nowhere = S3ObjectStore(S3Settings(f"http://127.0.0.1:{free_port()}", "minio", "miniostorage", timeout=2))
    with pytest.raises(errors.ObjectStoreUnavailable, match=r"127\.0\.0\.1"):
        nowhere.get("s3://my-s3-bucket/a")
    stranger = S3ObjectStore(S3Settings(s3.settings.endpoint, "minio", "wrong"))
    with pytest.raises(errors.ObjectStoreUnavailable, match="refused"):
        stranger.put("s3://my-s3-bucket/a", b"x")


def test_a_bucket_that_does_not_exist_has_no_objects(s3: NanioServer) -> None:
    with pytest.raises(errors.ObjectNotFound):
        s3.objects.get("s3://no-such-bucket/a")


def _send(method: str, url: str, data: bytes | None = None, **headers: str) -> bytes:
    request = urllib.request.Request(url, data=data, method=method)
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    with urllib.request.urlopen(request, timeout=5) as response:
        return bytes(response.read())


@pytest.mark.parametrize("key", _KEYS)
def test_a_signed_url_uploads_with_its_headers_and_downloads(s3: NanioServer, prefix: str, key: str) -> None:
    presigner = Presigner(s3.settings)
    uri = f"{prefix}/{key}"
    md5 = base64.b64encode(hashlib.md5(b"data").digest()).decode()
    headers = {"Content-MD5": md5, "x-amz-meta-flyteContentMD5": md5}
    upload = presigner.put(uri, timedelta(minutes=1), headers)
    assert upload.headers == headers
    _send("PUT", upload.url, b"data", Content_Length="4", **upload.headers)
    assert s3.directory.get(uri) == b"data"
    for store in (s3.directory, s3.objects):
        info = store.head(uri)
        assert info is not None
        assert info.metadata["flytecontentmd5"] == md5
    assert _send("GET", presigner.get(uri, timedelta(minutes=1)).url) == b"data"


def test_a_signed_url_refuses_other_headers_bytes_objects_and_methods(s3: NanioServer, prefix: str) -> None:
    presigner = Presigner(s3.settings)
    md5 = base64.b64encode(hashlib.md5(b"data").digest()).decode()
    upload = presigner.put(f"{prefix}/a", timedelta(minutes=1), {"Content-MD5": md5})
    other = base64.b64encode(hashlib.md5(b"evil").digest()).decode()
    attempts = [
        ("PUT", upload.url, b"evil", {"Content-MD5": md5}),
        ("PUT", upload.url, b"evil", {"Content-MD5": other}),
        ("PUT", upload.url, b"data", {}),
        ("PUT", upload.url.replace("/a?", "/b?"), b"data", {"Content-MD5": md5}),
        ("GET", upload.url, None, {}),
    ]
    for method, url, data, headers in attempts:
        with pytest.raises(urllib.error.HTTPError) as refused:
            _send(method, url, data, **headers)
        assert refused.value.code in (400, 403), (method, headers)
        refused.value.close()
    assert list(s3.directory.list(prefix)) == []


def test_signing_asks_nobody_and_names_its_endpoint() -> None:
    presigner = Presigner(S3Settings("http://localhost:30002", "minio", "miniostorage"))
    signed = presigner.get("s3://my-s3-bucket/a", timedelta(hours=1))
    assert signed.url.startswith("http://localhost:30002/my-s3-bucket/a?X-Amz-Algorithm=AWS4-HMAC-SHA256&")
    for hours in (0, -1, 24 * 8):
        with pytest.raises(errors.InvalidRequest):
            presigner.get("s3://my-s3-bucket/a", timedelta(hours=hours))


def test_objects_without_sidecars_are_read_over_s3_too(s3: NanioServer, prefix: str) -> None:
    bare = DirectoryObjectStore(s3.root, sidecars=False)
    s3.directory.put(f"{prefix}/a", b"old one")
    bare.put(f"{prefix}/a", b"new one")
    assert s3.objects.get(f"{prefix}/a") == b"new one"
    for store in (bare, s3.directory):
        info = store.head(f"{prefix}/a")
        assert info is not None
        assert info.md5 == hashlib.md5(b"new one").hexdigest()
    over_s3 = s3.objects.head(f"{prefix}/a")
    assert over_s3 is not None
    assert (over_s3.size, over_s3.md5) == (7, None)
    assert [each.uri for each in s3.objects.list(prefix)] == [f"{prefix}/a"]
