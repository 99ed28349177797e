"""Objects' addresses: what is one, and that none leads anywhere else."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.store import addresses
from sandbox.store.errors import InvalidUri


@pytest.mark.parametrize("key", ["a", "a/b", "a b", "ä", "...", "..a", "a..b/c", "%2e%2e/x", "a=b&c"])
def test_an_address_is_read_and_written_alike(key: str) -> None:
    uri = f"s3://my-s3-bucket/{key}"
    address = addresses.parse(uri)
    assert (address.bucket, address.key) == ("my-s3-bucket", key)
    assert str(address) == uri


@pytest.mark.parametrize("bucket", ["ab", "A", "-ab", "a..b", "1.2.3.4", "a_b", "a" * 64, "..", "abc-"])
def test_an_illegal_bucket_is_refused(bucket: str) -> None:
    with pytest.raises(InvalidUri, match="bucket"):
        addresses.parse(f"s3://{bucket}/key")


def test_a_prefix_may_end_anywhere() -> None:
    for key in ("", "a", "a/", "a/b"):
        assert addresses.parse_prefix(f"s3://my-s3-bucket/{key}").key == key
    for key in ("/", "a//", "../", "a/../b", ".nanio-meta/"):
        with pytest.raises(InvalidUri):
            addresses.parse_prefix(f"s3://my-s3-bucket/{key}")


@given(st.text(alphabet=st.sampled_from("./\\ab\0\n .nanio-é\ud800"), max_size=30))
def test_whatever_is_accepted_stays_within_its_bucket(key: str) -> None:
    try:
        address = addresses.parse(f"s3://my-s3-bucket/{key}")
    except InvalidUri:
        return
    path = posixpath.normpath(f"/root/my-s3-bucket/{address.key}")
    assert path == f"/root/my-s3-bucket/{key}"
    assert path.startswith("/root/my-s3-bucket/")
    assert not any(segment.startswith(".nanio") for segment in address.key.split("/"))
