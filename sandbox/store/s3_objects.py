"""Objects in any S3 store, by minio's client."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from sandbox.store import addresses, errors, object_info
from sandbox.store.object_info import ObjectInfo
from sandbox.store.s3_settings import S3Settings

_MISSING = frozenset({"NoSuchKey", "NoSuchBucket", "NoSuchObject", "ResourceNotFound"})


class _Client(Protocol):
    """The calls of `minio.Minio` that are used here."""

    def get_object(self, bucket_name: str, object_name: str) -> Any: ...
    def put_object(self, bucket_name: str, object_name: str, data: Any, length: int) -> Any: ...
    def fget_object(self, bucket_name: str, object_name: str, file_path: str) -> Any: ...
    def fput_object(self, bucket_name: str, object_name: str, file_path: str) -> Any: ...
    def stat_object(self, bucket_name: str, object_name: str) -> Any: ...
    def list_objects(self, bucket_name: str, prefix: str, recursive: bool) -> Any: ...
    def remove_object(self, bucket_name: str, object_name: str) -> None: ...
    def bucket_exists(self, bucket_name: str) -> bool: ...
    def make_bucket(self, bucket_name: str) -> None: ...


class S3ObjectStore:
    """An `ObjectStore` at an S3 endpoint."""

    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings
        self._client = _connect(settings)

    def get(self, uri: str) -> bytes:
        address = addresses.parse(uri)
        with self._errors(uri):
            response = self._client.get_object(address.bucket, address.key)
            try:
                return bytes(response.read())
            finally:
                response.close()
                response.release_conn()

    def put(self, uri: str, data: bytes) -> None:
        address = addresses.parse(uri)
        with self._errors(uri):
            self._client.put_object(address.bucket, address.key, io.BytesIO(data), len(data))

    def download(self, uri: str, path: Path) -> None:
        address = addresses.parse(uri)
        with self._errors(uri):
            self._client.fget_object(address.bucket, address.key, str(path))

    def upload(self, path: Path, uri: str) -> None:
        address = addresses.parse(uri)
        with self._errors(uri):
            self._client.fput_object(address.bucket, address.key, str(path))

    def exists(self, uri: str) -> bool:
        return self.head(uri) is not None

    def head(self, uri: str) -> ObjectInfo | None:
        address = addresses.parse(uri)
        try:
            with self._errors(uri):
                return _info(uri, self._client.stat_object(address.bucket, address.key))
        except errors.ObjectNotFound:
            return None

    def list(self, prefix_uri: str) -> Iterator[ObjectInfo]:
        address = addresses.parse_prefix(prefix_uri)
        with self._errors(prefix_uri):
            for found in self._client.list_objects(address.bucket, prefix=address.key, recursive=True):
                yield _info(f"{addresses.SCHEME}{address.bucket}/{found.object_name}", found)

    def delete(self, uri: str) -> None:
        address = addresses.parse(uri)
        with self._errors(uri):
            self._client.remove_object(address.bucket, address.key)

    def ensure_bucket(self, bucket: str) -> None:
        """Make the bucket if it isn't there."""
        with self._errors(f"{addresses.SCHEME}{bucket}"):
            if not self._client.bucket_exists(bucket):
                self._client.make_bucket(bucket)

    @contextmanager
    def _errors(self, uri: str) -> Iterator[None]:
        """minio's, urllib3's and the socket's errors become ours."""
        from minio.error import MinioException, S3Error  # noqa: PLC0415 (lazy: see _connect)
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        try:
            yield
        except S3Error as error:
            if error.code in _MISSING:
                raise errors.ObjectNotFound(f"There is no object {uri}.") from error
            raise errors.ObjectStoreUnavailable(
                f"The object store refused {uri}: {error.code}: {error.message}"
            ) from error
        except (MinioException, HTTPError, OSError, json.JSONDecodeError) as error:
            raise errors.ObjectStoreUnavailable(
                f"The object store at {self._settings.endpoint} can't be reached for {uri}: {error}"
            ) from error


def _connect(settings: S3Settings) -> _Client:
    # Lazy: minio's client takes 0.1–0.4 s to import, and the embedded profile reads a directory instead.
    import urllib3  # noqa: PLC0415
    from minio import Minio  # noqa: PLC0415

    url = urlsplit(settings.endpoint)
    if url.scheme not in ("http", "https") or not url.netloc or url.path not in ("", "/"):
        raise errors.InvalidRequest(
            f"Invalid S3 endpoint {settings.endpoint!r}: http://host:port is expected."
        )
    pool = urllib3.PoolManager(
        maxsize=16,
        timeout=urllib3.Timeout(connect=min(5.0, settings.timeout), read=settings.timeout),
        retries=urllib3.Retry(total=1, backoff_factor=0.1, status_forcelist=(502, 503, 504)),
    )
    client: _Client = Minio(
        url.netloc,
        access_key=settings.access_key,
        secret_key=settings.secret_key,
        secure=url.scheme == "https",
        region=settings.region,
        http_client=pool,
    )
    return client


def _info(uri: str, found: Any) -> ObjectInfo:
    return ObjectInfo(
        uri,
        int(found.size or 0),
        object_info.md5_of_etag(found.etag),
        found.last_modified,
        object_info.user_metadata(dict(found.metadata or {})),
    )
