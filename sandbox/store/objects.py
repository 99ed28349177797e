"""The object store: bytes under URIs `s3://bucket/key`.

Two implementations of one protocol: `S3ObjectStore` speaks S3 to any endpoint; `DirectoryObjectStore` reads
and writes the directory that nanio serves, which saves a signed HTTP round trip for each literal. `Presigner`
signs URLs by which clients upload and download without credentials.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from sandbox.store.directory_objects import DirectoryObjectStore
from sandbox.store.object_info import ObjectInfo
from sandbox.store.presigning import Presigner, SignedUrl
from sandbox.store.s3_objects import S3ObjectStore
from sandbox.store.s3_settings import S3Settings

__all__ = [
    "DirectoryObjectStore",
    "ObjectInfo",
    "ObjectStore",
    "Presigner",
    "S3ObjectStore",
    "S3Settings",
    "SignedUrl",
]


class ObjectStore(Protocol):
    """Objects by URI. Thread-safe. All methods raise `InvalidUri` and `ObjectStoreUnavailable`."""

    def get(self, uri: str) -> bytes:
        """The whole object; `ObjectNotFound`."""

    def put(self, uri: str, data: bytes) -> None:
        """Write the whole object, in place of what was there; readers see the old or the new one."""

    def download(self, uri: str, path: Path) -> None:
        """Write the object to a file, however large it is; `ObjectNotFound`."""

    def upload(self, path: Path, uri: str) -> None:
        """Write a file's content as the object, as `put` does."""

    def exists(self, uri: str) -> bool:
        """Whether there is such an object."""

    def head(self, uri: str) -> ObjectInfo | None:
        """What is known about an object, without its bytes; None if there is none."""

    def list(self, prefix_uri: str) -> Iterator[ObjectInfo]:
        """All objects whose URI begins with `prefix_uri`, in no particular order."""

    def delete(self, uri: str) -> None:
        """Remove the object; nothing happens if there is none."""
