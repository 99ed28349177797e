"""Files go up and down by signed URLs, past the control plane, to a real S3."""

from __future__ import annotations

import base64
import hashlib
import urllib.error
import urllib.request
import uuid
from datetime import timedelta

import grpc
import pytest
from flyteidl.service import dataproxy_pb2
from google.protobuf import duration_pb2

from tests.integration.admin.conftest import Admin
from tests.integration.admin.refusals import refused

INVALID = grpc.StatusCode.INVALID_ARGUMENT


def lifetime(**length: float) -> duration_pb2.Duration:
    duration = duration_pb2.Duration()
    duration.FromTimedelta(timedelta(**length))
    return duration


def asked(content: bytes, **fields: object) -> dataproxy_pb2.CreateUploadLocationRequest:
    return dataproxy_pb2.CreateUploadLocationRequest(
        project="flytesnacks",
        domain="development",
        content_md5=hashlib.md5(content).digest(),
        **fields,
    )


def put(location: dataproxy_pb2.CreateUploadLocationResponse, content: bytes) -> int:
    request = urllib.request.Request(
        location.signed_url, data=content, method="PUT", headers=dict(location.headers)
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        status: int = answer.status
    return status


def test_a_file_goes_up_under_its_hash_and_comes_down_again(admin_with_s3: Admin) -> None:
    content = uuid.uuid4().bytes
    location = admin_with_s3.data.CreateUploadLocation(
        asked(content, filename="fast.tar.gz", add_content_md5_metadata=True)
    )
    folder = base64.b32encode(hashlib.md5(content).digest()).decode()
    uri = f"s3://my-s3-bucket/flytesnacks/development/{folder}/fast.tar.gz"
    assert location.native_url == uri
    assert location.headers["x-amz-meta-flyteContentMD5"]
    assert put(location, content) == 200
    assert admin_with_s3.context.objects.get(uri) == content
    download = admin_with_s3.data.CreateDownloadLocation(
        dataproxy_pb2.CreateDownloadLocationRequest(native_url=uri)
    )
    with urllib.request.urlopen(download.signed_url, timeout=10) as answer:
        assert answer.read() == content


def test_other_content_than_was_announced_does_not_go_up(admin_with_s3: Admin) -> None:
    location = admin_with_s3.data.CreateUploadLocation(asked(b"announced", filename="file"))
    with pytest.raises(urllib.error.HTTPError):
        put(location, b"another")
    assert not admin_with_s3.context.objects.exists(location.native_url)


def test_a_named_place_takes_the_same_content_again_but_no_other(admin_with_s3: Admin) -> None:
    root = uuid.uuid4().hex
    first = admin_with_s3.data.CreateUploadLocation(asked(b"content", filename="code.py", filename_root=root))
    assert first.native_url == f"s3://my-s3-bucket/flytesnacks/development/{root}/code.py"
    put(first, b"content")
    again = asked(b"content", filename="code.py", filename_root=root)
    assert admin_with_s3.data.CreateUploadLocation(again).native_url == first.native_url
    with refused(grpc.StatusCode.ALREADY_EXISTS, "matching hash"):
        admin_with_s3.data.CreateUploadLocation(asked(b"another", filename="code.py", filename_root=root))
    with refused(grpc.StatusCode.ALREADY_EXISTS, "matching hash"):
        admin_with_s3.data.CreateUploadLocation(
            dataproxy_pb2.CreateUploadLocationRequest(
                project="flytesnacks", domain="development", filename="code.py", filename_root=root
            )
        )


def test_a_file_without_a_name_gets_one(admin: Admin) -> None:
    location = admin.data.CreateUploadLocation(asked(b"content"))
    assert len(location.native_url.rpartition("/")[2]) == 20


def test_requests_that_make_no_sense_are_refused(admin: Admin) -> None:
    with refused(INVALID, "content_md5 or filename_root"):
        admin.data.CreateUploadLocation(dataproxy_pb2.CreateUploadLocationRequest())
    with refused(INVALID, "16"):
        admin.data.CreateUploadLocation(dataproxy_pb2.CreateUploadLocationRequest(content_md5=b"short"))
    with refused(INVALID, "expiresIn"):
        admin.data.CreateUploadLocation(asked(b"content", expires_in=lifetime(hours=2)))
    with refused(INVALID, "expiresIn"):
        admin.data.CreateUploadLocation(asked(b"content", expires_in=lifetime(seconds=-1)))
    with refused(INVALID, "missing native_url"):
        admin.data.CreateDownloadLocation(dataproxy_pb2.CreateDownloadLocationRequest())


def test_a_place_outside_of_the_bucket_is_refused(admin: Admin) -> None:
    with refused(INVALID):
        admin.data.CreateUploadLocation(asked(b"content", filename="passwd", filename_root="../../../etc"))
