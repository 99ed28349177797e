"""The addresses of objects: `s3://bucket/key`, and which of them are legal.

The rules are those of S3 for buckets, and for keys the ones that make a key a safe relative path as well: 1
to 1024 bytes, no control characters, no empty, `.` or `..` segment, nothing in the namespace that nanio keeps
for itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sandbox.store.errors import InvalidUri

SCHEME = "s3://"
RESERVED = ".nanio"
"""Names that begin so are nanio's own: metadata, uploads in progress."""

_BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]", re.ASCII)
_IP_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST_KEY = 1024
_LONGEST_SEGMENT = 240
"""A file's name has 255 bytes at most, and ours need some for `.json` and for temporary names."""


@dataclass(frozen=True, slots=True)
class Address:
    """One object, or with `prefix` all whose keys begin so."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.key}"


def parse(uri: str) -> Address:
    """The address of one object; `InvalidUri` says what is wrong with it."""
    address = _split(uri)
    _check_segments(uri, address.key.split("/"))
    return address


def parse_prefix(uri: str) -> Address:
    """The address of all objects whose URI begins with `uri`; the key may be empty or end anywhere."""
    address = _split(uri)
    segments = address.key.split("/")
    _check_segments(uri, segments[:-1] if segments[-1] == "" else segments)
    return address


def _split(uri: str) -> Address:
    if not uri.startswith(SCHEME):
        raise InvalidUri(f"Not an object's address: {uri!r}; s3://bucket/key is expected.")
    bucket, slash, key = uri[len(SCHEME) :].partition("/")
    if not _BUCKET.fullmatch(bucket) or _IP_ADDRESS.fullmatch(bucket):
        raise InvalidUri(f"Not a legal bucket name: {bucket!r} in {uri!r}.")
    if not slash:
        raise InvalidUri(f"Not an object's address: {uri!r} has no key after the bucket.")
    try:
        size = len(key.encode())
    except UnicodeEncodeError as error:
        raise InvalidUri(f"Not a legal key: {key!r} is no Unicode text.") from error
    if size > _LONGEST_KEY:
        raise InvalidUri(f"Not a legal key: {key[:80]!r}… has {size} bytes; {_LONGEST_KEY} are allowed.")
    if _CONTROL.search(key):
        raise InvalidUri(f"Not a legal key: {key!r} contains control characters.")
    return Address(bucket, key)


def _check_segments(uri: str, segments: list[str]) -> None:
    for segment in segments:
        if segment in ("", ".", ".."):
            raise InvalidUri(f"Not a legal key: {uri!r} contains an empty, '.' or '..' segment.")
        if ".." in segment.split("\\"):
            raise InvalidUri(f"Not a legal key: {uri!r} contains a '..' segment.")
        if segment.startswith(RESERVED):
            raise InvalidUri(f"Not a legal key: {uri!r} uses the reserved name {segment!r}.")
        if len(segment.encode()) > _LONGEST_SEGMENT:
            raise InvalidUri(
                f"Not a legal key: {segment[:40]!r}… is longer than {_LONGEST_SEGMENT} bytes between slashes."
            )
