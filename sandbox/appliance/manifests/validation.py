"""Whether an API server would take an object, found out without asking it to: against its OpenAPI document.

`Schema` checks what the document says: unknown fields, missing ones, wrong types, values outside of an
enumeration. It knows the forms that Kubernetes uses (`$ref`, arrays, maps, int-or-string) and no others.
`check` adds what no schema says: selectors that match, names and namespaces, ports and volumes that exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sandbox.appliance.manifests import resources
from sandbox.appliance.manifests.cluster import Cluster
from sandbox.appliance.manifests.errors import ManifestInvalid
from sandbox.appliance.manifests.resources import Object

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}


class Schema:
    """An API server's OpenAPI (version 2) document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._definitions: Mapping[str, Any] = document["definitions"]
        self._kinds = {
            (each.get("group", ""), each["version"], each["kind"]): name
            for name, definition in self._definitions.items()
            for each in definition.get("x-kubernetes-group-version-kind", ())
        }

    @classmethod
    def of(cls, cluster: Cluster) -> Schema:
        """As the API server has it."""
        return cls(cluster.ask("GET", "/openapi/v2"))

    def mistakes(self, found: Object) -> list[str]:
        """What is wrong with an object: `spec.replicas: … is no integer`; empty if it is right."""
        group, _, version = str(found.get("apiVersion", "")).rpartition("/")
        name = self._kinds.get((group, version, str(found.get("kind", ""))))
        if name is None:
            return [f"the API server knows no {found.get('apiVersion')} {found.get('kind')}"]
        return list(self._check(self._definitions[name], found, ""))

    def _check(self, schema: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:
        if "$ref" in schema:
            schema = self._definitions[schema["$ref"].removeprefix("#/definitions/")]
        if schema.get("x-kubernetes-int-or-string") or schema.get("format") == "int-or-string":
            if not isinstance(value, (int, str)) or isinstance(value, bool):
                yield f"{path}: {value!r} is neither a whole number nor text"
            return
        kind = str(schema.get("type", ""))
        if "properties" in schema or kind == "object":
            yield from self._object(schema, value, path)
        elif kind == "array":
            if not isinstance(value, list):
                yield f"{path}: {value!r} is no list"
                return
            for index, each in enumerate(value):
                yield from self._check(schema["items"], each, f"{path}[{index}]")
        elif kind in _TYPES:
            wrong = not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")
            if wrong and not (kind == "string" and schema.get("format") == "int-or-string"):
                yield f"{path}: {value!r} is no {kind}"
            elif schema.get("enum") and value not in schema["enum"]:
                yield f"{path}: {value!r} is none of {', '.join(schema['enum'])}"

    def _object(self, schema: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, Mapping):
            yield f"{path}: {value!r} is no map"
            return
        properties, others = schema.get("properties"), schema.get("additionalProperties")
        for name in schema.get("required", ()):
            if name not in value:
                yield f"{path}.{name} is missing".lstrip(".")
        for name, each in value.items():
            where = f"{path}.{name}".lstrip(".")
            if properties and name in properties:
                yield from self._check(properties[name], each, where)
            elif isinstance(others, Mapping):
                yield from self._check(others, each, where)
            elif properties and not schema.get("x-kubernetes-preserve-unknown-fields"):
                yield f"{where} does not exist"


def check(objects: Iterable[Object], schema: Schema | None = None) -> None:
    """Raises ManifestInvalid, with everything that is wrong. Without a schema only what none says is looked
    at."""
    objects = list(objects)
    wrong = [
        f"{resources.title(found)}: {mistake}"
        for found in objects
        for mistake in [*(schema.mistakes(found) if schema else ()), *_own(found)]
    ]
    wrong += _together(objects)
    if wrong:
        raise ManifestInvalid(
            "the manifests are not what the cluster takes", "\n".join(wrong), "Check the values."
        )


def _own(found: Object) -> Iterator[str]:
    """What an object alone must fulfil."""
    kind = resources.kind_of(found)
    if kind.namespaced != ("namespace" in found["metadata"]):
        yield "it lacks a namespace" if kind.namespaced else "it can't be in a namespace"
    template = (found.get("spec") or {}).get("template")
    if not isinstance(template, Mapping):
        return
    wanted = (found["spec"].get("selector") or {}).get("matchLabels") or {}
    labels = template["metadata"]["labels"]
    if not wanted.items() <= labels.items():
        yield "its selector does not match its own pods"
    volumes = {volume["name"] for volume in template["spec"].get("volumes", ())}
    for container in [*template["spec"].get("initContainers", ()), *template["spec"]["containers"]]:
        for mount in container.get("volumeMounts", ()):
            if mount["name"] not in volumes:
                yield f"{container['name']} mounts {mount['name']}, which is no volume of the pod"
        ports = {port["name"] for port in container.get("ports", ())}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            handler = container.get(probe) or {}
            for asked in (handler.get("httpGet"), handler.get("tcpSocket")):
                if asked and asked["port"] not in ports:
                    yield f"{container['name']}'s {probe} asks port {asked['port']}, which it does not have"


def _together(objects: list[Object]) -> Iterator[str]:
    """What objects must fulfil together."""
    seen = set()
    for found in objects:
        key = (found["kind"], found["metadata"].get("namespace"), resources.name_of(found))
        if key in seen:
            yield f"{resources.title(found)} is there twice"
        seen.add(key)
    templates = [found["spec"]["template"] for found in objects if "template" in (found.get("spec") or {})]
    for found in objects:
        if found["kind"] == "Service":
            yield from _served(found, templates)


def _served(service: Object, templates: list[Mapping[str, Any]]) -> Iterator[str]:
    wanted = service["spec"]["selector"]
    behind = [each for each in templates if wanted.items() <= each["metadata"]["labels"].items()]
    if not behind:
        yield f"{resources.title(service)} selects no pods"
    names = {
        port["name"]
        for each in behind
        for container in each["spec"]["containers"]
        for port in container.get("ports", ())
    }
    for port in service["spec"]["ports"]:
        if behind and port["targetPort"] not in names:
            yield f"{resources.title(service)} leads to the port {port['targetPort']}, which no pod has"
