"""What an undeployment lets go: by what the API server is asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from sandbox.appliance.deploying import attempts
from sandbox.appliance.manifests.cluster import Refused
from sandbox.executors.kubernetes import ownership

PODS = "/api/v1/pods"
SPARK = "/apis/sparkoperator.k8s.io/v1beta2/sparkapplications"
HELD = [ownership.FINALIZER, "foregroundDeletion"]


def attempt(name: str, *, finalizers: list[str], **metadata: Any) -> dict[str, Any]:
    key = json.dumps(["p", "d", "e", name, 0])
    return {
        "metadata": {
            "name": name,
            "namespace": "p-d",
            "uid": f"uid of {name}",
            "resourceVersion": "1",
            "annotations": {ownership.ATTEMPT: key},
            "finalizers": finalizers,
            **metadata,
        }
    }


class Cluster:
    """Has lists of objects, page by page, and knows no other kinds; the first changes are conflicts."""

    def __init__(self, lists: Mapping[str, list[list[dict[str, Any]]]], *, conflicts: int = 0) -> None:
        self._lists = lists
        self._conflicts = conflicts
        self.done: list[tuple[str, str, Any]] = []

    def ask(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Any = None, **_: Any
    ) -> dict[str, Any]:
        if method == "GET" and query is not None:
            return self._page(path, query)
        if method == "GET":
            return attempt(path.rpartition("/")[2], finalizers=HELD, resourceVersion="2")
        self.done.append((method, path, body))
        if method == "PATCH" and self._conflicts:
            self._conflicts -= 1
            raise Refused(409, "Conflict", "it has been changed")
        return {}

    def _page(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        assert query["labelSelector"] == "managed-by=flyte"
        if path not in self._lists:
            raise Refused(404, "NotFound", "there is no such kind")
        at, pages = int(query.get("continue", "0")), self._lists[path]
        following = str(at + 1) if at + 1 < len(pages) else ""
        return {"items": pages[at], "metadata": {"continue": following}}

    def text(self, path: str, *, query: Mapping[str, str] | None = None) -> str:
        raise AssertionError("nobody asks for text")


def test_our_finalizer_is_taken_off_every_object_of_every_kind_and_nothing_else() -> None:
    foreign = {"metadata": {"name": "x", "namespace": "p-d", "finalizers": [ownership.FINALIZER]}}
    pages = [[attempt("a", finalizers=HELD), foreign], [attempt("b", finalizers=["other"])]]
    cluster = Cluster({PODS: pages, SPARK: [[attempt("c", finalizers=[ownership.FINALIZER])]]})
    assert attempts.let_go(cluster, "flyte") == 2
    spark = SPARK.replace("v1beta2/", "v1beta2/namespaces/p-d/")
    assert cluster.done == [
        (
            "PATCH",
            "/api/v1/namespaces/p-d/pods/a",
            {"metadata": {"resourceVersion": "1", "finalizers": ["foregroundDeletion"]}},
        ),
        ("PATCH", f"{spark}/c", {"metadata": {"resourceVersion": "1", "finalizers": []}}),
    ]


def test_what_somebody_else_changes_meanwhile_is_looked_at_again() -> None:
    cluster = Cluster({PODS: [[attempt("a", finalizers=HELD)]]}, conflicts=2)
    assert attempts.let_go(cluster, "flyte") == 1
    versions = [body["metadata"]["resourceVersion"] for _, _, body in cluster.done]
    assert versions == ["1", "2", "2"]
    with pytest.raises(Refused, match="has been changed"):
        attempts.let_go(Cluster({PODS: [[attempt("a", finalizers=HELD)]]}, conflicts=9), "flyte")


def test_with_the_data_the_objects_go_but_no_others_of_their_names() -> None:
    going = attempt("b", finalizers=HELD, deletionTimestamp="2024-01-01T00:00:00Z")
    cluster = Cluster({PODS: [[attempt("a", finalizers=[]), going]]})
    assert attempts.let_go(cluster, "flyte", delete=True) == 2
    deleted = [(path, body) for method, path, body in cluster.done if method == "DELETE"]
    assert [path for path, _ in deleted] == ["/api/v1/namespaces/p-d/pods/a"]
    assert deleted[0][1]["preconditions"] == {"uid": "uid of a"}
    assert [path for method, path, _ in cluster.done if method == "PATCH"] == [
        "/api/v1/namespaces/p-d/pods/b"
    ]
