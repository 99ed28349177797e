"""From a pod that asks for secrets to one that gets them, as a JSON patch (RFC 6902). Pure.

Every container and init container finds what flytekit looks for: files under one directory, or variables that
refer to the key of a `Secret`; the values themselves are never seen here. A secret that does not exist is
left out, as Flyte does it: the task says that it misses it.

Where Flyte mounts a volume for each group, this is one volume for all. A mount within another that can only
be read fails, and secrets without a group, or with a version of it, have files there too.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from flyteidl.core import security_pb2

from sandbox.executors.kubernetes import secret_marks, secret_names

Pod = Mapping[str, Any]
Secret: TypeAlias = security_pb2.Secret
DIRECTORY = "/etc/flyte/secrets"
_ENV_PREFIX = "_FSEC_"
_VOLUME = "flyte-secrets"
_VARIABLE = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")


class Refused(ValueError):
    """The pod asks for something that can't be given; the message says what and why."""


def patch(pod: Pod) -> list[dict[str, Any]]:
    """What makes the pod get the secrets that its annotations ask for; empty: it asks for none.

    Raises Refused.
    """
    try:
        wanted = secret_marks.read((pod.get("metadata") or {}).get("annotations") or {})
    except secret_marks.UnreadableSecretError as exc:
        raise Refused(str(exc)) from exc
    if not wanted:
        return []
    for secret in wanted:
        _check(secret)
    variables = _variables(wanted)
    items = _items(wanted)
    spec = copy.deepcopy(dict(pod.get("spec") or {}))
    operations = []
    if items:
        volumes = [one for one in spec.get("volumes") or () if one.get("name") != _VOLUME]
        operations.append(_put("/spec/volumes", [*volumes, _volume(items)]))
    for word in ("initContainers", "containers"):
        for number, container in enumerate(spec.get(word) or ()):
            path = f"/spec/{word}/{number}"
            operations.append(_put(f"{path}/env", _with_variables(container.get("env") or (), variables)))
            if items:
                mounts = container.get("volumeMounts") or ()
                operations.append(_put(f"{path}/volumeMounts", _with_mount(mounts)))
    return operations


def _check(secret: Secret) -> None:
    if not secret.key:
        raise Refused(f"a secret of the group {secret.group!r} is asked for without a key: name one")
    for part in (secret.group, secret.group_version, secret.key):
        if "/" in part or "\0" in part or part in (".", ".."):
            raise Refused(f"{part!r} can't be the name of a secret, nor of a group")
    if secret.env_var and not _VARIABLE.fullmatch(secret.env_var):
        raise Refused(f"{secret.env_var!r} can't be the name of an environment variable")
    if secret.mount_requirement == Secret.ENV_VAR and not all(map(_VARIABLE.fullmatch, _names(secret))):
        raise Refused(
            f"the secret {secret.key!r} of the group {secret.group!r} can't be given in a variable, for its "
            "name is none of one: ask for it with mount_requirement=Secret.MountType.FILE"
        )


def _is_file(secret: Secret) -> bool:
    return bool(secret.mount_requirement != Secret.ENV_VAR)


def _spellings(secret: Secret) -> list[list[str]]:
    """Group and key, without and with the group's version: flytekit looks for the latter when it is named."""
    plain = [part for part in (secret.group, secret.key) if part]
    versioned = [part for part in (secret.group, secret.group_version, secret.key) if part]
    return [plain] if plain == versioned else [plain, versioned]


def _names(secret: Secret) -> list[str]:
    return [_ENV_PREFIX + "_".join(part.upper() for part in parts) for parts in _spellings(secret)]


def _paths(secret: Secret) -> list[str]:
    return ["/".join(part.lower() for part in parts) for parts in _spellings(secret)]


def _variables(wanted: Iterable[Secret]) -> dict[str, dict[str, Any]]:
    """By name, the entries of `env`."""
    found: dict[str, dict[str, Any]] = {}
    for secret in wanted:
        if _is_file(secret):
            found["FLYTE_SECRETS_DEFAULT_DIR"] = {"value": DIRECTORY}
            found["FLYTE_SECRETS_FILE_PREFIX"] = {"value": ""}
            if secret.env_var:
                found[secret.env_var] = {"value": f"{DIRECTORY}/{_paths(secret)[0]}"}
            continue
        source = {
            "name": secret_names.name(secret.group),
            "key": secret_names.key(secret.key),
            "optional": True,
        }
        for name in [*_names(secret), *([secret.env_var] if secret.env_var else ())]:
            found[name] = {"valueFrom": {"secretKeyRef": source}}
        found["FLYTE_SECRETS_ENV_PREFIX"] = {"value": _ENV_PREFIX}
    return found


def _items(wanted: Iterable[Secret]) -> dict[str, dict[str, str]]:
    """By the name of the `Secret`: paths, and the key that each has."""
    found: dict[str, dict[str, str]] = {}
    taken: set[str] = set()
    for secret in wanted:
        if not _is_file(secret):
            continue
        for path in _paths(secret):
            if path not in taken:
                taken.add(path)
                found.setdefault(secret_names.name(secret.group), {})[path] = secret_names.key(secret.key)
    return found


def _volume(items: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    sources = [
        {
            "secret": {
                "name": name,
                "items": [{"key": key, "path": path} for path, key in paths.items()],
                "optional": True,
            }
        }
        for name, paths in items.items()
    ]
    return {"name": _VOLUME, "projected": {"sources": sources}}


def _with_variables(
    present: Iterable[Mapping[str, Any]], variables: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """What a container sets itself stays."""
    own = [dict(entry) for entry in present]
    named = {entry.get("name") for entry in own}
    return [*own, *({"name": name, **value} for name, value in variables.items() if name not in named)]


def _with_mount(present: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    own = [dict(mount) for mount in present]
    if any(mount.get("mountPath") == DIRECTORY for mount in own):
        return own
    return [*own, {"name": _VOLUME, "mountPath": DIRECTORY, "readOnly": True}]


def _put(path: str, value: Any) -> dict[str, Any]:
    """`add` to a member of an object puts it in place of one that is there."""
    return {"op": "add", "path": path, "value": value}
