"""What the cache takes for the same, and what it tells of it."""

from __future__ import annotations

import uuid

from flyteidl.core import catalog_pb2

from tests.conformance.backends import VERSION, Backend
from tests.conformance.cells import case
from tests.conformance.seen import Seen, fresh_name, launch, run

Status = catalog_pb2.CatalogCacheStatus


def key() -> str:
    return uuid.uuid4().hex


def statuses(*executions: Seen, node: str = "n0") -> list[str]:
    return [seen.node(node).cache_status for seen in executions]


@case()
def test_an_ignored_input_makes_no_difference(backend: Backend) -> None:
    same = key()
    first, second = (run(backend, "caches.ignored", key=same, noise=noise) for noise in ("a", "b"))
    assert first.output(kind=str) == second.output(kind=str)
    assert statuses(first, second) == ["CACHE_POPULATED", "CACHE_HIT"]


@case()
def test_values_of_equal_hash_are_the_same(backend: Backend) -> None:
    same = key()
    three, thirteen, four = (run(backend, "caches.hashed", key=same, value=value) for value in (3, 13, 4))
    assert three.output(kind=str) == thirteen.output(kind=str) != four.output(kind=str)
    assert statuses(three, thirteen, four, node="n1") == ["CACHE_POPULATED", "CACHE_HIT", "CACHE_POPULATED"]


@case()
def test_a_policy_gives_the_version(backend: Backend) -> None:
    same = key()
    first, second = (run(backend, "caches.policies", key=same) for _ in range(2))
    assert first.output(kind=str) == second.output(kind=str)
    assert statuses(first, second) == ["CACHE_POPULATED", "CACHE_HIT"]


@case()
def test_of_two_that_compute_the_same_at_once_one_waits(backend: Backend) -> None:
    same = key()
    begun = [launch(backend, "caches.serialised", key=same) for _ in range(2)]
    first, second = (one.ended() for one in begun)
    assert first.output(kind=str) == second.output(kind=str)
    assert sorted(statuses(first, second)) == ["CACHE_HIT", "CACHE_POPULATED"]


@case()
def test_a_hit_tells_where_it_comes_from(backend: Backend) -> None:
    same = key()
    first, second = (run(backend, "caches.ignored", key=same, noise="") for _ in range(2))
    populated, hit = (
        seen.node("n0").proto.closure.task_node_metadata.catalog_key for seen in (first, second)
    )
    for told in (populated, hit):
        assert told.dataset_id.name == "flyte_task-projects.caches.deaf"
        assert told.dataset_id.version.startswith("1-")
        assert told.artifact_tag.name.startswith("flyte_cached-")
    assert populated.artifact_tag == hit.artifact_tag
    source = hit.source_task_execution
    assert source.node_execution_id.execution_id.name == first.name
    assert source.task_id.name == "projects.caches.deaf"


@case()
def test_overwriting_computes_anew_and_is_what_others_get(backend: Backend) -> None:
    same = key()
    first = run(backend, "caches.ignored", key=same, noise="")
    remote = backend.remote()
    plan = remote.fetch_launch_plan(name="projects.caches.ignored", version=VERSION)
    inputs = {"key": same, "noise": ""}
    begun = remote.execute(plan, inputs=inputs, execution_name=fresh_name(), overwrite_cache=True)
    second = Seen(backend, begun).ended()
    third = run(backend, "caches.ignored", key=same, noise="")
    assert first.output(kind=str) != second.output(kind=str) == third.output(kind=str)
    assert statuses(second, third) == ["CACHE_POPULATED", "CACHE_HIT"]


@case()
def test_elements_of_a_map_are_remembered_one_by_one(backend: Backend) -> None:
    same = key()
    first, second = (run(backend, "caches.mapped", key=same, xs=xs) for xs in ([1, 2], [2, 3]))
    told = {1: first.output(kind=list[str]), 2: second.output(kind=list[str])}
    assert told[1][1] == told[2][0]
    [attempt] = second.node("n0").attempts()
    assert [Status.Name(one.cache_status) for one in attempt.elements] == ["CACHE_HIT", "CACHE_POPULATED"]


@case()
def test_another_version_of_a_workflow_has_the_same_cache(backend: Backend) -> None:
    same = key()
    first = run(backend, "caches.ignored", key=same, noise="")
    said = backend.pyflyte(
        "run", "--remote", "--wait", "projects/caches.py", "deaf", "--key", same, "--noise", ""
    )
    name = next(word.rsplit("/", 1)[-1] for word in said.split() if "/executions/" in word)
    alone = Seen(backend, backend.remote().fetch_execution(name=name)).ended()
    assert alone.output(kind=str) == first.output(kind=str)
    assert [node.cache_status for node in alone.nodes()] == ["CACHE_HIT"]


@case()
def test_a_failure_is_not_remembered(backend: Backend) -> None:
    same = key()
    for _ in range(2):
        seen = run(backend, "caches.failed", x=0.0, key=same)
        assert seen.phase == "FAILED"
        assert (seen.node("n0").cache_status, len(seen.node("n0").attempts())) == ("CACHE_MISS", 1)
