"""What a control plane leaves behind in the namespaces of projects: the objects of its attempts.

It keeps each by a finalizer until the attempt's end is committed. Once it is gone, nobody would take that
away: the object could not be deleted any more, nor the namespace that it is in.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from sandbox.appliance.manifests import cluster as clusters
from sandbox.appliance.manifests.cluster import Cluster, Refused
from sandbox.appliance.manifests.resources import Object
from sandbox.executors.kubernetes import ownership
from sandbox.executors.kubernetes.client import MERGE_PATCH
from sandbox.executors.kubernetes.kinds import Kind, Pod
from sandbox.executors.kubernetes.plugins import task_types
from sandbox.executors.kubernetes.settings import KubernetesSettings

_KINDS: tuple[Kind, ...] = (Pod(), *task_types.KINDS.values())
_PAGE = 500
_AT_ONCE = 8
_TRIES = 5
_GONE, _CONFLICT = 404, 409


def let_go(cluster: Cluster, owner: str, *, delete: bool = False) -> int:
    """Take the finalizers off all objects of an owner's attempts, and delete these if wanted; how many.

    What is not deleted goes on, and a control plane of the same owner finds it again by its name. To be done
    when the owner's engines have ended: they would make new ones.
    """
    settings = KubernetesSettings(owner=owner)
    done = 0
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="let-go") as pool:
        for kind in _KINDS:
            one = partial(_let_go, cluster, kind, settings=settings, delete=delete)
            for page in _pages(cluster, kind, settings):
                done += sum(pool.map(one, page))
    return done


def _pages(cluster: Cluster, kind: Kind, settings: KubernetesSettings) -> Iterator[list[Object]]:
    query = {"labelSelector": ownership.selector(settings), "limit": str(_PAGE)}
    while True:
        try:
            found = cluster.ask("GET", kind.api.all(), query=query)
        except Refused as exc:
            if exc.status == _GONE:  # the cluster does not know this kind
                return
            raise
        yield [each for each in found.get("items", ()) if ownership.key_of(each) is not None]
        token = (found.get("metadata") or {}).get("continue")
        if not token:
            return
        query["continue"] = token


def _let_go(
    cluster: Cluster, kind: Kind, found: Object, *, settings: KubernetesSettings, delete: bool
) -> bool:
    """Whether there was anything to do."""
    path = kind.api.object(found["metadata"]["namespace"], found["metadata"]["name"])
    held = _is_held(found)
    if held:
        _unfinalize(cluster, path, found)
    if delete and not found["metadata"].get("deletionTimestamp"):
        body = {**kind.deletion(found, settings), "preconditions": {"uid": found["metadata"]["uid"]}}
        try:
            cluster.ask("DELETE", path, body=body)
        except Refused as exc:
            if exc.status not in (_GONE, _CONFLICT):  # gone, or another one of its name
                raise
    return held or delete


def _is_held(found: Object) -> bool:
    return ownership.FINALIZER in (found["metadata"].get("finalizers") or ())


def _unfinalize(cluster: Cluster, path: str, found: Object) -> None:
    """If somebody else changes the object meanwhile, it is looked at again."""
    there: Object | None = found
    for left in reversed(range(_TRIES)):
        if there is None or not _is_held(there):
            return
        metadata = there["metadata"]
        others = [each for each in metadata["finalizers"] if each != ownership.FINALIZER]
        patch = {"metadata": {"resourceVersion": metadata["resourceVersion"], "finalizers": others}}
        try:
            cluster.ask("PATCH", path, body=patch, content_type=MERGE_PATCH)
        except Refused as exc:
            if exc.status == _GONE:
                return
            if exc.status != _CONFLICT or not left:
                raise
            there = clusters.find(cluster, path)
        else:
            return
