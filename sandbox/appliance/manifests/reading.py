"""From values files and `--set` flags to `Values`: later ones win, and a name that does not exist is an
error.

`--set a.b=c` reads `c` as YAML, so that numbers, booleans and `[lists]` are what they look like; a field that
is text takes whatever was written (`--set postgres.password=007`). Maps are merged, lists replaced.
"""

from __future__ import annotations

import dataclasses
import difflib
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from sandbox.appliance.manifests import defaults
from sandbox.appliance.manifests.errors import ValuesInvalid
from sandbox.appliance.manifests.values import Values

_HELP = "Look at the names in `sandbox manifests render --show-values`."


def values(
    profile: str,
    *,
    distribution: str | None = None,
    overrides: Iterable[Mapping[str, Any]] = (),
    files: Sequence[Path] = (),
    flags: Sequence[str] = (),
) -> Values:
    """A profile's values: its defaults, then the distribution's, `overrides` (what the caller knows, such as
    published ports), files, and last the flags; raises ValuesInvalid."""
    if profile not in defaults.PROFILES:
        raise ValuesInvalid(
            f"there are no manifests of the profile {profile!r}",
            "",
            f"Use one of {', '.join(defaults.PROFILES)}.",
        )
    layers: list[Mapping[str, Any]] = [defaults.PROFILES[profile]]
    if distribution is not None:
        layers.append(defaults.of_node(distribution))
    layers += overrides
    layers += [read(path) for path in files]
    layers += [flag(text) for text in flags]
    merged: dict[str, Any] = {}
    for layer in layers:
        merged = merge(merged, layer)
    if "profile" in merged:
        raise ValuesInvalid("`profile` is no value", "", "Choose the profile with --profile.")
    read_values = _dataclass(Values, {**merged, "profile": profile}, "")
    check(read_values)
    return typing.cast(Values, read_values)


def read(path: Path) -> Mapping[str, Any]:
    """One values file; raises ValuesInvalid."""
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except OSError as exc:
        raise ValuesInvalid(
            f"the values file {path} can't be read", exc.strerror or str(exc), "Name a YAML file."
        ) from exc
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise ValuesInvalid(f"the values file {path} is no YAML", str(exc), "Correct it.") from exc
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ValuesInvalid(f"the values file {path} holds no map", "", "Write `name: value` lines.")
    return content


def flag(text: str) -> Mapping[str, Any]:
    """`a.b=c` as the map `{a: {b: c}}`; raises ValuesInvalid."""
    path, separator, value = text.partition("=")
    names = path.split(".")
    if not separator or not all(names):
        raise ValuesInvalid(f"--set {text!r} can't be understood", "", "Write --set NAME.NAME=VALUE.")
    try:
        result: Any = _Written(value)
        yaml.safe_load(value)
    except yaml.YAMLError:
        result = value
    for name in reversed(names):
        result = {name: result}
    return typing.cast(Mapping[str, Any], result)


class _Written(str):
    """A flag's value as it was typed: what it means depends on the field."""

    __slots__ = ()

    def meant(self) -> Any:
        return yaml.safe_load(str(self))


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` on top of `base`, deeply; lists are replaced."""
    result = dict(base)
    for name, value in over.items():
        below = result.get(name)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            result[name] = merge(below, value)
        else:
            result[name] = value
    return result


def to_yaml(values: Values) -> str:
    """All settings as a values file could say them (passwords included)."""
    content = _plain(values)
    content.pop("profile")
    return yaml.safe_dump(content, sort_keys=False)


def check(values: Values) -> None:
    """What no single field can tell; raises ValuesInvalid."""
    if values.expose.type not in ("NodePort", "ClusterIP", "LoadBalancer", "Ingress"):
        raise ValuesInvalid(
            f"expose.type {values.expose.type!r} does not exist",
            "",
            "Use NodePort, ClusterIP, LoadBalancer or Ingress.",
        )
    if values.migrations not in ("init", "job"):
        raise ValuesInvalid(f"migrations {values.migrations!r} does not exist", "", "Use init or job.")
    if values.expose.type == "Ingress" and not values.expose.ingress.host:
        raise ValuesInvalid("expose.type is Ingress without expose.ingress.host", "", "Name the host.")
    if values.postgres.external and not (values.postgres.host or values.credentials.existing_secret):
        raise ValuesInvalid(
            "postgres.external without an address",
            "neither postgres.host nor credentials.existingSecret is set",
            "Set one of them.",
        )
    if values.object_store.external and not values.object_store.endpoint:
        raise ValuesInvalid("objectStore.external without objectStore.endpoint", "", "Set its URL.")
    if not values.public_endpoint:
        raise ValuesInvalid(
            "nobody outside of the cluster would reach the object store",
            "expose.objectStore is empty and the object store is not external",
            "Set objectStore.publicEndpoint to the URL that people and SDKs use.",
        )


def _dataclass(kind: type, given: Any, path: str, base: Any = None) -> Any:
    """`base`: what holds where nothing is given; None: the fields' own defaults."""
    if isinstance(given, _Written):
        given = given.meant()
    if not isinstance(given, Mapping):
        raise ValuesInvalid(f"{path} must be a map", f"it is {given!r}", _HELP)
    hints = typing.get_type_hints(kind)
    fields = {camel(field.name): field for field in dataclasses.fields(kind)}
    found = {}
    for name, value in given.items():
        where = f"{path}.{name}" if path else str(name)
        if name not in fields:
            close = difflib.get_close_matches(str(name), fields, n=1, cutoff=0.5)
            parent = f"{path}." if path else ""
            raise ValuesInvalid(
                f"there is no setting {where!r}",
                "",
                f"Did you mean {parent + close[0]!r}?" if close else _HELP,
            )
        field = fields[name]
        below = getattr(base, field.name) if base is not None else _default(field)
        found[field.name] = _value(hints[field.name], value, where, below)
    return kind(**found) if base is None else dataclasses.replace(base, **found)


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None if field.default is dataclasses.MISSING else field.default


def _value(hint: Any, value: Any, path: str, base: Any = None) -> Any:
    if dataclasses.is_dataclass(hint):
        return _dataclass(typing.cast(type, hint), value, path, base)
    if isinstance(value, _Written) and hint is not str:
        value = value.meant()
    if hint is str:
        if isinstance(value, _Written) or (
            isinstance(value, (str, int, float)) and not isinstance(value, bool)
        ):
            return str(value)
        raise _wrong(path, "text", value)
    if hint in (int, bool):
        if type(value) is not hint:
            raise _wrong(path, "a whole number" if hint is int else "true or false", value)
        return value
    origin = typing.get_origin(hint)
    if origin is tuple:
        element = typing.get_args(hint)[0]
        if not isinstance(value, list):
            raise _wrong(path, "a list", value)
        return tuple(_value(element, each, f"{path}[{index}]") for index, each in enumerate(value))
    if origin is Mapping:
        if not isinstance(value, Mapping):
            raise _wrong(path, "a map", value)
        element = typing.get_args(hint)[1]
        return {str(key): _value(element, each, f"{path}.{key}") for key, each in value.items()}
    return value


def _wrong(path: str, expected: str, value: Any) -> ValuesInvalid:
    return ValuesInvalid(f"{path} must be {expected}", f"it is {value!r}", _HELP)


def camel(name: str) -> str:
    """`object_store` as `objectStore`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {camel(field.name): _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value
