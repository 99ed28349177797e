"""What the API server, or the way to it, answers when it does not do what it was asked.

KubernetesError
├── NoConnection        it isn't known how to reach a cluster: wrong or missing kubeconfig
├── TryAgain            the same request may succeed later
│   ├── Unreachable     no (whole) answer; it may have been carried out
│   └── Busy            429, 500, 502, 503, 504
└── Refused             any other answer; asking again gives the same
    ├── NotFound        404
    ├── Conflict        409: it exists already, or changed meanwhile
    └── Expired         410: a version that is too old to go on from
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import urllib3.exceptions


class KubernetesError(Exception):
    """Kubernetes did not do what it was asked."""


class NoConnection(KubernetesError):
    """There is no cluster to speak to."""


class TryAgain(KubernetesError):
    """The same request may succeed later."""


class Unreachable(TryAgain):
    """The API server gave no answer."""


class Busy(TryAgain):
    """The API server can't answer now."""

    def __init__(self, code: int, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.after = after
        """Seconds, if it says when to try again."""


class Refused(KubernetesError):
    """The API server does not do that."""

    def __init__(self, code: int, message: str, reason: str = "", details: Mapping[str, Any] | None = None):
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason
        """Kubernetes' own word: `AlreadyExists`, `Forbidden`."""
        self.details = details or {}


class NotFound(Refused):
    """There is no such object, or no such kind."""


class Conflict(Refused):
    """The object exists already, or changed meanwhile."""


class Expired(Refused):
    """The version is too old to go on from."""


_KINDS = {404: NotFound, 409: Conflict, 410: Expired}
_LATER = frozenset({429, 500, 502, 503, 504})
_LONGEST = 2000


@contextmanager
def of_transport() -> Iterator[None]:
    """Turns the errors of urllib3, and of what is below it, into ours."""
    try:
        yield
    except urllib3.exceptions.HTTPError as exc:
        raise Unreachable(f"the Kubernetes API server can't be reached: {exc}") from exc
    except OSError as exc:
        raise Unreachable(f"the Kubernetes API server can't be reached: {exc}") from exc


def of_answer(code: int, body: bytes, retry_after: str | None = None) -> KubernetesError:
    """The error that an answer stands for: usually a `Status`, but a proxy on the way may say anything."""
    status = _status(body)
    message = str(status.get("message") or body[:_LONGEST].decode("utf-8", "replace") or f"HTTP {code}")
    reason = str(status.get("reason") or "")
    if code in _LATER:
        return Busy(code, message, float(retry_after) if retry_after and retry_after.isdigit() else None)
    details = status.get("details")
    return _KINDS.get(code, Refused)(code, message, reason, details if isinstance(details, dict) else None)


def of_status(status: Mapping[str, Any]) -> KubernetesError:
    """The error that a watch reports within its stream."""
    return of_answer(int(status.get("code") or 500), json.dumps(dict(status)).encode())


def _status(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
