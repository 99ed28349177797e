"""What a bundle must not tell: taken out of objects by its name, and out of any text by its value. Pure.

Names are not enough: the kubelet writes the variables of a container that it can't start into its log, and a
program may print what it was given. So what the cluster's Secrets hold is looked for in everything.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

HIDDEN = "(hidden)"
_NAMES = (
    "password",
    "passwd",
    "secret",
    "token",
    "credential",
    "access_key",
    "access-key",
    "api_key",
    "api-key",
    "apikey",
    "private",
    "url",
)
_VARIABLE = re.compile(r"(EnvVar\{Name:(?P<name>[^,]*),Value:)(?P<value>.*?)(,ValueFrom:)")
"""As programs in Go print a variable of a container."""
_LEAST = 6
"""Letters of a value that can be looked for: shorter ones are parts of ordinary words."""
_ORDINARY = frozenset(("default", "postgres", "sandbox"))
"""What can't be taken out without making all else unreadable: PostgreSQL's password is its name."""
_PUBLIC = frozenset(("namespace", "ca.crt", "tls.crt", "service-ca.crt"))
"""Keys of Secrets that hold none."""


class Redaction:
    """Takes secrets out of what is to be shown."""

    def __init__(self, secrets: Iterable[Mapping[str, Any]] = ()) -> None:
        """`secrets`: Kubernetes' own objects, with their data."""
        found: set[str] = set()
        for secret in secrets:
            for key, value in (secret.get("data") or {}).items():
                if key not in _PUBLIC:
                    found |= _spellings(value)
        words = sorted(found, key=len, reverse=True)  # the longer one first: it may hold the other
        self._values = re.compile("|".join(map(re.escape, words))) if words else None

    def text(self, shown: str) -> str:
        """A log, or what a program said."""
        named = _VARIABLE.sub(_variable, shown)
        return self._values.sub(HIDDEN, named) if self._values is not None else named


def hidden(found: Mapping[str, Any]) -> dict[str, Any]:
    """An object without what could be a secret: values of variables, and of settings, that are called so."""
    return dict(_hide(dict(found), ""))


def _spellings(encoded: str) -> set[str]:
    """How a value of a Secret may stand in a text: plain, line by line, in a URL, in JSON, in base64."""
    try:
        plain = base64.b64decode(encoded).decode()
    except (binascii.Error, UnicodeDecodeError):
        return {encoded} if len(encoded) >= _LEAST else set()
    lines = {line.strip() for line in plain.splitlines()}
    found = lines | {quote(line, safe="") for line in lines} | {json.dumps(line)[1:-1] for line in lines}
    return {word for word in found | {encoded} if len(word) >= _LEAST and word not in _ORDINARY}


def _variable(found: re.Match[str]) -> str:
    return f"{found[1]}{HIDDEN}{found[4]}" if _is_secret(found["name"]) and found["value"] else found[0]


def _hide(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        if "value" in value and "name" in value and _is_secret(str(value["name"])):
            return {**value, "value": HIDDEN}
        return {key: _hide(each, key) for key, each in value.items() if key != "managedFields"}
    if isinstance(value, list):
        return [_hide(each, name) for each in value]
    if isinstance(value, str) and name.endswith(".json"):
        try:
            return json.dumps(_hide_settings(json.loads(value)), indent=2)
        except ValueError:
            return value
    return value


def _hide_settings(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: HIDDEN if isinstance(each, str) and _is_secret(key) else _hide_settings(each)
            for key, each in value.items()
        }
    return [_hide_settings(each) for each in value] if isinstance(value, list) else value


def _is_secret(name: str) -> bool:
    return any(word in name.lower() for word in _NAMES)
