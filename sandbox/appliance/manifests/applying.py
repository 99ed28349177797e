"""Brings a cluster to what was rendered: server-side apply, then removal of what is no longer rendered.

Every object is sent as it is with our own field manager, so fields that others set (a webhook's authority, a
replica count that an autoscaler chose and the manifests don't name) stay theirs. What carries our labels and
was not rendered is pruned; volumes, claims and namespaces never are.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from typing import Any

import yaml

from sandbox.appliance.manifests import cluster as clusters
from sandbox.appliance.manifests import resources
from sandbox.appliance.manifests.cluster import Cluster, Refused
from sandbox.appliance.manifests.errors import ApplyFailed
from sandbox.appliance.manifests.resources import KINDS, Kind, Object

FIELD_MANAGER = "flyte-sandbox"
NAMESPACE_LABEL = "flyte-sandbox/namespace"
"""Whose objects these are: also on those that no namespace holds."""
_AT_ONCE = 8
_NOISE = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink")


class Action(Enum):
    """What became of an object."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    PRUNED = "pruned"


@dataclass(frozen=True, slots=True)
class Change:
    """One object."""

    title: str
    """`Deployment flyteadmin`"""
    action: Action
    diff: str = ""
    """Unified, of a dry run; without the values of Secrets."""


def apply(cluster: Cluster, objects: Iterable[Object], *, dry_run: bool = False) -> list[Change]:
    """Make objects what they are given as, kind by kind in the right order; raises ApplyFailed.

    A dry run changes nothing, and says how.
    """
    ordered = resources.in_order(objects)
    changes: list[Change] = []
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="apply") as pool:
        for _, group in itertools.groupby(ordered, key=lambda found: found["kind"]):
            changes += pool.map(lambda found: _apply(cluster, found, dry_run), list(group))
    return changes


def prune(
    cluster: Cluster, objects: Iterable[Object], namespace: str, *, dry_run: bool = False
) -> list[Change]:
    """Delete what an earlier version of the manifests had and `objects` no longer have."""
    wanted = {(found["kind"], resources.name_of(found)) for found in objects}
    return [
        _delete(cluster, kind, found, dry_run)
        for kind, found in existing(cluster, namespace)
        if not kind.kept and (kind.name, resources.name_of(found)) not in wanted
    ]


def remove(cluster: Cluster, namespace: str, *, volumes: bool = False) -> list[Change]:
    """Delete everything that was ever applied for a namespace, in reverse order; data only with `volumes`."""
    found = existing(cluster, namespace)
    return [
        _delete(cluster, kind, each, dry_run=False)
        for kind, each in reversed(found)
        if not kind.kept or volumes
    ]


def existing(cluster: Cluster, namespace: str) -> list[tuple[Kind, Object]]:
    """What carries our labels, in the order in which it would be made."""
    selector = f"app.kubernetes.io/managed-by={FIELD_MANAGER},{NAMESPACE_LABEL}={namespace}"
    served = clusters.group_versions(cluster) | {"v1"}

    def ask(kind: Kind) -> list[tuple[Kind, Object]]:
        version = next((each for each in kind.groups if each in served), None)
        if version is None:
            return []
        path = resources.collection(kind, version, namespace)
        items = cluster.ask("GET", path, query={"labelSelector": selector}).get("items", [])
        return [(kind, {"apiVersion": version, "kind": kind.name, **item}) for item in items]

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="look") as pool:
        return [each for found in pool.map(ask, KINDS) for each in found]


def _apply(cluster: Cluster, wanted: Object, dry_run: bool) -> Change:
    path = resources.path(wanted)
    before = clusters.find(cluster, path)
    query = {"fieldManager": FIELD_MANAGER, "force": "true", **({"dryRun": "All"} if dry_run else {})}
    try:
        after: Mapping[str, Any] = cluster.ask(
            "PATCH", path, query=query, body=wanted, content_type=clusters.APPLY
        )
    except Refused as exc:
        if not (dry_run and exc.status == 404):  # its namespace is not there either
            raise _failed(wanted, exc) from exc
        after = wanted
    if before is None:
        return Change(resources.title(wanted), Action.CREATED, difference(None, after) if dry_run else "")
    if _bare(before) == _bare(after):
        return Change(resources.title(wanted), Action.UNCHANGED)
    return Change(resources.title(wanted), Action.CHANGED, difference(before, after) if dry_run else "")


def _delete(cluster: Cluster, kind: Kind, found: Object, dry_run: bool) -> Change:
    options = {"propagationPolicy": "Background", **({"dryRun": ["All"]} if dry_run else {})}
    try:
        cluster.ask("DELETE", resources.path(found), body=options)
    except Refused as exc:
        if exc.status != 404:
            raise _failed(found, exc) from exc
    return Change(resources.title(found), Action.PRUNED, difference(found, None) if dry_run else "")


def difference(before: Object | None, after: Object | None) -> str:
    """From one state of an object to the other, as a unified diff of YAML without what servers add. Of
    Secrets it tells which values change, not the values."""
    some = after if after is not None else before
    title = resources.title(some) if some is not None else ""
    return "".join(
        difflib.unified_diff(
            _lines(before, "hidden"),
            _lines(after, "hidden", before),
            fromfile=f"{title} (now)",
            tofile=f"{title} (then)",
        )
    )


def _lines(found: Object | None, veil: str, other: Object | None = None) -> list[str]:
    if found is None:
        return []
    shown = _bare(found)
    if found.get("kind") == "Secret":
        known = (other or found).get("data") or {}
        shown["data"] = {
            name: veil if known.get(name) == value else f"{veil}, and another"
            for name, value in (found.get("data") or {}).items()
        }
    return yaml.safe_dump(shown, sort_keys=True).splitlines(keepends=True)


def _bare(found: Object) -> dict[str, Any]:
    """Without what servers add, and without the status."""
    metadata = {name: value for name, value in found["metadata"].items() if name not in _NOISE}
    return {**{name: value for name, value in found.items() if name != "status"}, "metadata": metadata}


def _failed(wanted: Object, exc: Refused) -> ApplyFailed:
    remedies = {
        403: "Use a kube context with more rights, or ask the cluster's administrator.",
        409: "Delete the object, or choose another namespace with --set namespace=….",
        422: "Check the values that it is made of.",
    }
    return ApplyFailed(
        f"the cluster refuses {resources.title(wanted)}",
        exc.message,
        remedies.get(exc.status, "Look at the cause, then run it again: what is done already stays."),
    )
