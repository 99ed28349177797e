"""Signed URLs: what lets a client put or get one object, for a while, without credentials.

AWS Signature Version 4 in the query string. Headers that are signed must be sent by the client exactly so:
Flyte's clients send Content-MD5 and the `x-amz-meta-…` headers that the answer to `CreateUploadLocation`
names. Nothing is asked from the network: the region is part of the settings.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlsplit

from sandbox.store import addresses, errors
from sandbox.store.s3_settings import S3Settings

_ALGORITHM = "AWS4-HMAC-SHA256"
_LONGEST = timedelta(days=7)
"""S3 allows no more."""


@dataclass(frozen=True, slots=True)
class SignedUrl:
    """A URL and what has to be sent along."""

    url: str
    expires_at: datetime
    """Aware, UTC."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers that the client must send as they are."""


class Presigner:
    """Signs for one endpoint: the host's, as the URLs go to clients."""

    def __init__(self, settings: S3Settings) -> None:
        url = urlsplit(settings.endpoint)
        if url.scheme not in ("http", "https") or not url.netloc:
            raise errors.InvalidRequest(
                f"Invalid S3 endpoint {settings.endpoint!r}: http://host:port is expected."
            )
        self._settings = settings
        self._base = f"{url.scheme}://{url.netloc}"
        self._host = _host(url.scheme, url.netloc)

    def put(self, uri: str, expires: timedelta, headers: Mapping[str, str] | None = None) -> SignedUrl:
        """A URL for uploading one object with these headers."""
        return self._sign("PUT", uri, expires, headers or {})

    def get(self, uri: str, expires: timedelta) -> SignedUrl:
        """A URL for downloading one object."""
        return self._sign("GET", uri, expires, {})

    def _sign(self, method: str, uri: str, expires: timedelta, headers: Mapping[str, str]) -> SignedUrl:
        seconds = int(expires.total_seconds())
        if not 0 < seconds <= _LONGEST.total_seconds():
            raise errors.InvalidRequest(
                f"Invalid expiry {expires}: a signed URL lives for 1 second to 7 days."
            )
        now = datetime.now(UTC)
        address = addresses.parse(uri)
        path = quote(f"/{address.bucket}/{address.key}", safe="/-_.~")
        signed = {"host": self._host} | {name.lower(): _collapse(value) for name, value in headers.items()}
        names = ";".join(sorted(signed))
        scope = f"{now:%Y%m%d}/{self._settings.region}/s3/aws4_request"
        query = _query(
            {
                "X-Amz-Algorithm": _ALGORITHM,
                "X-Amz-Credential": f"{self._settings.access_key}/{scope}",
                "X-Amz-Date": f"{now:%Y%m%dT%H%M%SZ}",
                "X-Amz-Expires": str(seconds),
                "X-Amz-SignedHeaders": names,
            }
        )
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        request = f"{method}\n{path}\n{query}\n{lines}\n{names}\nUNSIGNED-PAYLOAD"
        digest = hashlib.sha256(request.encode()).hexdigest()
        to_sign = f"{_ALGORITHM}\n{now:%Y%m%dT%H%M%SZ}\n{scope}\n{digest}"
        signature = hmac.new(self._key(now), to_sign.encode(), "sha256").hexdigest()
        url = f"{self._base}{path}?{query}&X-Amz-Signature={signature}"
        return SignedUrl(url, now + timedelta(seconds=seconds), dict(headers))

    def _key(self, now: datetime) -> bytes:
        key = f"AWS4{self._settings.secret_key}".encode()
        for part in (f"{now:%Y%m%d}", self._settings.region, "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), "sha256").digest()
        return key


def _query(parameters: Mapping[str, str]) -> str:
    return "&".join(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}"
        for name, value in sorted(parameters.items())
    )


def _collapse(value: str) -> str:
    return " ".join(value.split())


def _host(scheme: str, netloc: str) -> str:
    """The Host header that clients send: without the scheme's own port."""
    return netloc.removesuffix(":80" if scheme == "http" else ":443")
