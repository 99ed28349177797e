"""Which secrets an attempt's pods are to get, written on them as Flyte does: the pod webhook reads it. Pure.

A label asks the webhook to look; each annotation `flyte.secrets/s<n>` is one `core.Secret` as protobuf text
in base 32 (`flyteplugins/go/tasks/pluginmachinery/utils/secrets`). The values are not in it: they are
Kubernetes' own secrets, in the pod's namespace.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping

from flyteidl.core import security_pb2
from google.protobuf import text_format

LABEL = "inject-flyte-secrets"
LABELS = {LABEL: "true"}
"""Of pods for which secrets are asked for."""
_PREFIX = "flyte.secrets/s"
_STANDARD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_FLYTES = b"abcdefghijklmnopqrstuvwxyz123456"
_GROUP = 8


class UnreadableSecretError(ValueError):
    """An annotation holds no secret's description."""


def marks(secrets: Iterable[security_pb2.Secret]) -> dict[str, str]:
    """One for each secret."""
    return {f"{_PREFIX}{number}": _encode(secret) for number, secret in enumerate(secrets)}


def read(found: Mapping[str, str]) -> tuple[security_pb2.Secret, ...]:
    """The secrets that a pod's annotations ask for, in their order. Raises UnreadableSecretError."""
    names = [name for name in found if name.startswith(_PREFIX)]
    ordered = sorted(names, key=lambda name: (len(name), name))
    return tuple(_decode(name, found[name]) for name in ordered)


def _encode(secret: security_pb2.Secret) -> str:
    text = text_format.MessageToString(secret).encode()
    coded = base64.b32encode(text).rstrip(b"=")
    return coded.translate(bytes.maketrans(_STANDARD, _FLYTES)).decode()


def _decode(name: str, coded: str) -> security_pb2.Secret:
    try:
        standard = coded.encode("ascii").translate(bytes.maketrans(_FLYTES, _STANDARD))
        padded = standard + b"=" * (-len(standard) % _GROUP)
        return text_format.Parse(base64.b32decode(padded).decode(), security_pb2.Secret())
    except (UnicodeError, binascii.Error, text_format.ParseError) as exc:
        raise UnreadableSecretError(f"the annotation {name} describes no secret: {exc}") from exc
