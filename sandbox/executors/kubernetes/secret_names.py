"""How a secret of a group and a key is called in Kubernetes. Pure.

As with Flyte, the group is the name of the `Secret` and the key its key, in the namespace of the pod. What
Kubernetes does not take as a name is given one that says what it was, and that no other secret has.
"""

from __future__ import annotations

import hashlib
import re

GROUPLESS = "flyte-secrets"
"""The `Secret` that holds those without a group."""
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
_NOT_IN_KEYS = re.compile(r"[^-._a-zA-Z0-9]+")
_READABLE = 200
_DIGITS = 8


def name(group: str) -> str:
    """The name of a group's `Secret`."""
    if not group:
        return GROUPLESS
    if _NAME.fullmatch(group):
        return group
    readable = _NOT_IN_NAMES.sub("-", group.lower())[:_READABLE].strip("-") or "secret"
    return f"{readable}-{_digest(group)}"


def key(text: str) -> str:
    """The key within it."""
    if _KEY.fullmatch(text) and text not in (".", "..") and not text.startswith(".."):
        return text
    return f"{_NOT_IN_KEYS.sub('-', text)[:_READABLE].strip('-.') or 'key'}-{_digest(text)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def short(text: str) -> str:
    """A name of 63 letters at most, for what is only found again by the same text."""
    return hashlib.sha256(text.encode()).hexdigest()[:40]
