"""A small S3 client: Signature Version 4 over the standard library's HTTP, streaming, for one endpoint.

Used for code distributions, and by `legacy` for flytekits that would call the `aws` program. Path-style
addresses only. See "Authenticating Requests (AWS Signature Version 4)" in Amazon's S3 API reference.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import http.client
import os
import shutil
import typing
import urllib.parse
import xml.etree.ElementTree

_UNSIGNED = "UNSIGNED-PAYLOAD"
_SCHEME = "s3://"


class StoreError(Exception):
    """The object store answered with an error, or not at all."""


class Store:
    """The objects behind one endpoint; those under `roots` are read as the files they are."""

    def __init__(
        self,
        endpoint: str,
        access_key: str,
        secret_key: str,
        roots: dict[str, str] | None = None,
        region: str = "us-east-1",
    ) -> None:
        self._endpoint = urllib.parse.urlsplit(endpoint)
        self._access_key = access_key
        self._secret_key = secret_key
        self._roots = roots or {}
        self._region = region

    def version(self, uri: str) -> str | None:
        """Something that changes when the object does, or `None` if there is no such object."""
        local = self._local(uri)
        if local is not None:
            found = os.stat(local)
            return f"{found.st_size}-{found.st_mtime_ns}"
        with self._request("HEAD", uri, allow=(404,)) as answer:
            return None if answer.status == 404 else answer.getheader("ETag", "-")

    def exists(self, uri: str) -> bool:
        """Whether there is an object of exactly this name, or anything below it as a folder."""
        return self.version(uri) is not None or any(True for _ in self.list(uri.rstrip("/") + "/"))

    def get(self, uri: str, path: str) -> None:
        """Write an object to a file."""
        local = self._local(uri)
        if local is not None:
            shutil.copyfile(local, path)
            return
        with self._request("GET", uri) as answer, open(path, "wb") as file:
            shutil.copyfileobj(answer, file, 1 << 20)

    def put(self, path: str, uri: str) -> None:
        """Store a file as an object."""
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            with self._request("PUT", uri, body=file, size=size):
                pass

    def list(self, prefix: str) -> typing.Iterator[str]:
        """The URIs of all objects whose name starts with `prefix`, in order."""
        bucket, key = split(prefix)
        token = ""
        while True:
            query = {"list-type": "2", "prefix": key}
            if token:
                query["continuation-token"] = token
            with self._request("GET", f"{_SCHEME}{bucket}/", query=query) as answer:
                root = xml.etree.ElementTree.fromstring(answer.read())
            space = root.tag[: root.tag.index("}") + 1] if root.tag.startswith("{") else ""
            for element in root.iter(f"{space}Key"):
                yield f"{_SCHEME}{bucket}/{element.text}"
            token = root.findtext(f"{space}NextContinuationToken") or ""
            if not token:
                return

    def _local(self, uri: str) -> str | None:
        for prefix, directory in self._roots.items():
            if uri.startswith(prefix):
                path = os.path.join(directory, uri[len(prefix) :])
                return path if os.path.isfile(path) else None
        return None

    def _request(
        self,
        method: str,
        uri: str,
        query: dict[str, str] | None = None,
        body: typing.IO[bytes] | None = None,
        size: int = 0,
        allow: tuple[int, ...] = (),
    ) -> _Answer:
        bucket, key = split(uri)
        path = "/" + urllib.parse.quote(f"{bucket}/{key}" if key else f"{bucket}/", safe="/-_.~")
        parameters = urllib.parse.urlencode(sorted((query or {}).items()), quote_via=urllib.parse.quote)
        headers = self._signed(method, path, parameters)
        if method == "PUT":
            headers["Content-Length"] = str(size)
        secure = self._endpoint.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(self._endpoint.netloc, timeout=300)
        try:
            connection.request(method, f"{path}?{parameters}" if parameters else path, body, headers)
            response = connection.getresponse()
            if response.status >= 300 and response.status not in allow:
                said = response.read(2000).decode("utf-8", "replace")
                raise StoreError(
                    f"{method} {uri} at {self._endpoint.geturl()}: HTTP {response.status} {said}"
                )
        except (OSError, http.client.HTTPException) as exc:
            connection.close()
            raise StoreError(f"{method} {uri} at {self._endpoint.geturl()}: {exc}") from exc
        except StoreError:
            connection.close()
            raise
        return _Answer(connection, response)

    def _signed(self, method: str, path: str, query: str) -> dict[str, str]:
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{now[:8]}/{self._region}/s3/aws4_request"
        headers = {"host": self._endpoint.netloc, "x-amz-content-sha256": _UNSIGNED, "x-amz-date": now}
        names = ";".join(sorted(headers))
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        request = "\n".join((method, path, query, lines, names, _UNSIGNED))
        digest = hashlib.sha256(request.encode()).hexdigest()
        to_sign = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}"
        key = ("AWS4" + self._secret_key).encode()
        for part in (now[:8], self._region, "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
        headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self._access_key}/{scope}, "
            f"SignedHeaders={names}, Signature={signature}"
        )
        return headers


class _Answer:
    """A response whose connection ends with it."""

    def __init__(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        self._connection = connection
        self._response = response
        self.status = response.status
        self.getheader = response.getheader
        self.read = response.read

    def __enter__(self) -> _Answer:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def split(uri: str) -> tuple[str, str]:
    """Bucket and key of an `s3://` URI."""
    if not uri.startswith(_SCHEME):
        raise StoreError(f"{uri!r} is not an s3:// URI")
    bucket, _, key = uri[len(_SCHEME) :].partition("/")
    return bucket, key
