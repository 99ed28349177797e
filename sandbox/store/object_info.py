"""What is known about an object without reading it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

_PREFIX = "x-amz-meta-"
_MD5 = re.compile(r'"?([0-9a-f]{32})"?')


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object's head."""

    uri: str
    size: int
    """Bytes."""
    md5: str | None
    """Hexadecimal; None where the store doesn't know it (an upload in parts)."""
    modified_at: datetime
    """Aware, UTC."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """The user's metadata: names in lower case without `x-amz-meta-`."""


def md5_of_etag(etag: str | None) -> str | None:
    """The MD5 that an ETag is, unless it is one of an upload in parts."""
    match = _MD5.fullmatch(etag or "")
    return match.group(1) if match else None


def user_metadata(headers: Mapping[str, str]) -> dict[str, str]:
    """The user's metadata among S3 headers."""
    return {
        name.lower().removeprefix(_PREFIX): value
        for name, value in headers.items()
        if name.lower().startswith(_PREFIX)
    }
